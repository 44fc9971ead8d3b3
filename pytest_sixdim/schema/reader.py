"""Reading YAML: only what a person can follow line by line is accepted.

One document, at most 1 MB of UTF-8 and 50,000 values, no tags, anchors or aliases, no key twice, no key without a
value.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pytest_sixdim.core.files import FileTooLarge, read_bounded
from pytest_sixdim.schema.document import Document, Location, where
from pytest_sixdim.schema.errors import MOST_PROBLEMS, Problem, SchemaError, shortened
from pytest_sixdim.schema.scalars import scalar

LARGEST_FILE = 1_000_000  # bytes
DEEPEST_NESTING = 16
MOST_VALUES = 50_000

_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_document(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping.

    Raises SchemaError where it can't be read to its end; lesser problems are left in the document's `problems`.
    """
    text = _read_text(path)
    builder = _Builder(Document(path))
    try:
        return builder.read(_Parser(text))
    except yaml.YAMLError as error:
        raise SchemaError([*builder.document.problems, _broken(path, text, error)]) from None


def _read_text(path: Path) -> str:
    try:
        content = read_bounded(path, LARGEST_FILE)
    except FileTooLarge as error:
        raise SchemaError([Problem(path, 1, str(error.strerror))]) from None
    except OSError as error:
        raise SchemaError([Problem(path, 1, f"cannot be read: {error.strerror or error}")]) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SchemaError([Problem(path, line, f"not UTF-8: byte 0x{content[error.start]:02x}")]) from None


def _broken(path: Path, text: str, error: yaml.YAMLError) -> Problem:
    """The parser's complaint in one line."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        return Problem(path, line, "not valid YAML: a control character or another that YAML does not allow")
    lines = text.splitlines()
    line_text = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line_text[: len(line_text) - len(line_text.lstrip())]:
        return Problem(path, mark.line + 1, "a tab; YAML is indented with spaces")
    message = f"not valid YAML: {getattr(error, 'problem', None) or 'it cannot be parsed'}"
    start = getattr(error, "context_mark", None)
    if start is not None and start.line != mark.line:
        message += f" ({getattr(error, 'context', None)} that begins in line {start.line + 1})"
    return Problem(path, mark.line + 1, message)


class _Builder:
    """Turns the parser's events into values."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._next: Any = None
        self._values = 0

    def read(self, parser: Any) -> Document:
        self._next = parser.get_event
        self._next()  # the stream begins
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise SchemaError([Problem(self.document.path, 1, "the file is empty")])
        first = self._next()
        self.document.lines[()] = first.start_mark.line + 1
        if not isinstance(first, yaml.MappingStartEvent):
            raise SchemaError([_not_a_mapping(self.document, first)])
        self.document.data = self._value(first, ())
        self._next()  # the document ends
        following = self._next()
        if not isinstance(following, yaml.StreamEndEvent):
            self._complain(following, "a second YAML document; a file holds one")
        return self.document

    def _complain(self, event: Any, message: str, unusable: Location | None = None) -> None:
        self.document.problems.append(Problem(self.document.path, event.start_mark.line + 1, message))
        if unusable is not None:
            self.document.unusable.add(unusable)
        if len(self.document.problems) > MOST_PROBLEMS:
            raise SchemaError(self.document.problems)

    def _value(self, event: Any, location: Location) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            self._complain(event, f"more than {MOST_VALUES} values")
            raise SchemaError(self.document.problems)
        if isinstance(event, yaml.AliasEvent):
            self._complain(event, f"alias *{event.anchor:.60}: write the value out", location)
            return None
        if event.anchor is not None:
            self._complain(event, f"anchor &{event.anchor:.60}: write the value out wherever it is needed")
        if event.tag is not None:
            self._complain(event, f"tag {shortened(event.tag)}: tags are not allowed", location)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, location)
        if len(location) >= DEEPEST_NESTING:
            self._complain(event, f"nested more than {DEEPEST_NESTING} levels deep")
            raise SchemaError(self.document.problems)
        return self._mapping(location) if isinstance(event, yaml.MappingStartEvent) else self._sequence(location)

    def _scalar(self, event: Any, location: Location) -> Any:
        if not event.implicit[0]:
            return event.value
        value = scalar(event.value)
        if value is None:
            self._complain(event, f"{where(location)}: has no value", location)
        elif not isinstance(value, str):
            self.document.texts[location] = event.value
        return value

    def _sequence(self, location: Location) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            here = (*location, len(items))
            self.document.lines[here] = event.start_mark.line + 1
            items.append(self._value(event, here))
        return items

    def _mapping(self, location: Location) -> dict[str, Any]:
        items: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            key = self._key(event)
            here = (*location, key)
            if key in items:
                self._complain(event, f"key {shortened(key)} is already given in line {self.document.lines[here]}")
                self._skip()
                continue
            self.document.lines[here] = line
            items[key] = self._value(self._next(), here)
        return items

    def _key(self, event: Any) -> str:
        if isinstance(event, yaml.ScalarEvent) and event.tag is None and event.anchor is None:
            return str(event.value)
        self._complain(event, "a key must be plain text")
        raise SchemaError(self.document.problems)

    def _skip(self) -> None:
        """Pass over a value."""
        depth = 0
        while True:
            event = self._next()
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return


def _not_a_mapping(document: Document, event: Any) -> Problem:
    if isinstance(event, yaml.ScalarEvent) and not event.value:
        return Problem(document.path, 1, "the file is empty")
    given = "a list" if isinstance(event, yaml.SequenceStartEvent) else "text"
    return document.problem((), f"must be a mapping of keys to values, not {given}")
