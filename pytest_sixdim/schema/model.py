"""What all models share, and their errors in our words."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from pytest_sixdim.core.closest import closest
from pytest_sixdim.schema.document import Document, Location, where
from pytest_sixdim.schema.errors import MOST_PROBLEMS, Problem, SchemaError, not_among, shortened


class Model(BaseModel):
    """A mapping with fixed keys. No value is converted: "5" is not a number, and 1 is not true."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    #: Keys that somebody may expect here, and why there are none.
    refused: typing.ClassVar[Mapping[str, str]] = {}


AnyModel = TypeVar("AnyModel", bound=Model)
#: Characters of a text, and of one that stands in a table's cell.
LONGEST_TEXT, LONGEST_LABEL = 2000, 100


def one_line(longest: int) -> Callable[[str], str]:
    """A validator: the text is printable, not empty and has at most `longest` characters."""

    def check(text: str) -> str:
        if not text.strip():
            raise ValueError("must not be empty")
        if not text.isprintable():
            raise ValueError(f"{shortened(text)}: must be one line of printable text")
        if len(text) > longest:
            raise ValueError(f"{shortened(text)}: must have at most {longest} characters, not {len(text)}")
        return text

    return check


Text = Annotated[str, AfterValidator(one_line(LONGEST_TEXT))]
Label = Annotated[str, AfterValidator(one_line(LONGEST_LABEL))]


def validated(
    model: type[AnyModel], document: Document, context: object = None
) -> tuple[AnyModel | None, list[Problem]]:
    """The document as `model`, None where it does not fit, and all that is wrong with it."""
    try:
        return model.model_validate(document.data, context=context), list(document.problems)
    except ValidationError as error:
        return None, [*document.problems, *_problems(model, document, error)]


def require(value: AnyModel | None, problems: list[Problem]) -> AnyModel:
    """`value`; raises SchemaError where there are problems."""
    if value is None or problems:
        raise SchemaError(problems)
    return value


def given(model: Model) -> dict[str, Any]:
    """The keys that are not left out, and their values."""
    return {name: value for name, value in model if value is not None}


def _problems(model: type[Model], document: Document, error: ValidationError) -> list[Problem]:
    details = [(_location(detail), detail) for detail in error.errors(include_url=False)]
    details = [(location, detail) for location, detail in details if document.usable(location)]
    if len(details) > MOST_PROBLEMS:  # to word each takes a moment
        details.sort(key=lambda found: document.line(found[0]))
    found = [
        document.problem(location, _message(model, document, location, detail))
        for location, detail in details[:MOST_PROBLEMS]
    ]
    more = details[MOST_PROBLEMS:]
    return found + [document.problem(location, f"{len(more)} more problems from here on") for location, _ in more[:1]]


def _location(detail: ErrorDetails) -> Location:
    """Where a problem stands. Of a key that may not be one pydantic says (..., key, "[key]")."""
    location = detail["loc"]
    return location[:-1] if location[-1:] == ("[key]",) else location


def _message(model: type[Model], document: Document, location: Location, detail: ErrorDetails) -> str:
    kind = detail["type"]
    if kind in ("missing", "extra_forbidden"):
        parent, key = where(location[:-1]), str(location[-1])
        inside = f" in {parent}" if parent else ""
        if kind == "missing":
            return f"missing key {key!r}{inside}"
        return f"unknown key {shortened(key)}{inside}{_instead(_annotation(model, location[:-1]), key)}"
    while location and isinstance(location[-1], int) and location not in document.lines:
        location = location[:-1]  # a single value that stands for a list
    place = where(location)
    prefix = f"{place}: " if place else ""
    context = detail.get("ctx", {})
    if kind == "value_error":
        return f"{prefix}{context['error']}"
    found = detail["input"]
    if kind == "literal_error" and not isinstance(found, (list, dict)):
        allowed = [str(value) for value in typing.get_args(_annotation(model, location))]
        return f"{prefix}{not_among(document.text(location, found), allowed)}"
    if kind == "too_short":
        return f"{prefix}must not be empty"
    if kind not in _WORDS:
        return f"{prefix}is not valid"
    quote = " (quote it)" if kind == "string_type" and isinstance(found, (int, float)) else ""
    return f"{prefix}{_WORDS[kind](context)}, not {_shown(document, location, found)}{quote}"


_WORDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "string_type": lambda _: "must be text",
    "literal_error": lambda _: "must be text",
    "bool_type": lambda _: "must be true or false",
    "int_type": lambda _: "must be a whole number",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "list_type": lambda _: "must be a list",
    "dict_type": lambda _: "must be a mapping",
    "model_type": lambda _: "must be a mapping",
    "greater_than": lambda limits: f"must be more than {limits['gt']:g}",
    "greater_than_equal": lambda limits: f"must be at least {limits['ge']:g}",
    "less_than_equal": lambda limits: f"must be at most {limits['le']:g}",
    "too_long": lambda limits: f"must have at most {limits['max_length']} items",
}


def _shown(document: Document, location: Location, found: Any) -> str:
    """What was written, in a few characters."""
    if isinstance(found, dict):
        return "a mapping"
    if isinstance(found, list):
        return f"a list of {len(found)}"
    text = document.text(location, found)
    return shortened(text) if isinstance(found, str) else text


def _instead(model: Any, key: str) -> str:
    """What to write instead of an unknown key."""
    if key in model.refused:
        return f": {model.refused[key]}"
    hint = closest(key[:60], model.model_fields)
    return f"; did you mean {hint!r}?" if hint else f"; allowed: {', '.join(model.model_fields)}"


def _annotation(annotation: Any, location: Location) -> Any:
    """The type that a model gives to the value at `location`."""
    for part in location:
        if isinstance(part, int):
            annotation = typing.get_args(_bare(annotation))[0]
        elif typing.get_origin(_bare(annotation)) is dict:
            annotation = typing.get_args(_bare(annotation))[1]
        else:
            annotation = _bare(annotation).model_fields[part].annotation
    return _bare(annotation)


def _bare(annotation: Any) -> Any:
    """A type without Annotated and without "or None"."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return _bare(typing.get_args(annotation)[0])
    if origin is not None and origin not in (list, dict, tuple, Literal):
        return _bare(next(choice for choice in typing.get_args(annotation) if choice is not type(None)))
    return annotation
