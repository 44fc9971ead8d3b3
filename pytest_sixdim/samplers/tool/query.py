"""What a profile says of one way to ask a tool (docs/vendors-tools.md): the command, the format, the fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from pytest_sixdim.core.closest import unknown_name
from pytest_sixdim.core.records import CHANNELS
from pytest_sixdim.samplers.tool.units import UNITS, label_and_unit

FORMATS = ("csv", "json", "blocks", "table", "words")
#: Fields that are texts: who the card is. `board`: what the chips of one board have in common.
TEXTS = ("index", "chip", "name", "uuid", "pci", "serial", "board", "driver", "firmware")
#: Fields that are numbers, and their quantity.
NUMBERS = {
    **{name: name for name in ("power", "memory", "utilization", "temperature", "energy", "clock")},
    **{"memory_total": "memory", "power_limit": "power", "clock_max": "clock"},
    "memory_share": "utilization",  # of the total, %: for a tool that prints no used memory
}


@dataclass(frozen=True)
class Field:
    """Where a field stands: the labels it may have, in order of preference; the unit of a value that is printed
    without one; texts that mean that there is no value."""

    labels: tuple[str, ...]
    unit: str | None = None
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Query:
    """One way to ask the tool. See docs/vendors-tools.md for the meaning of each option."""

    command: tuple[tuple[str, ...], ...]
    format: str
    fields: Mapping[str, Field]
    each: Mapping[str, int] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    separator: Literal["comma", "space"] = "comma"
    rows: tuple[str, ...] = ()
    key: str | None = None
    begin: str | None = None
    first: str | None = None
    second: str | None = None
    utilization: Literal["first", "second"] | None = None
    count: int = 0
    common: Mapping[str, str] = field(default_factory=dict)
    same: Mapping[str, str] = field(default_factory=dict)
    method: Mapping[str, str] = field(default_factory=dict)
    resolution: Mapping[str, float] = field(default_factory=dict)
    scope: Literal["card", "module", "package"] = "card"
    board: Mapping[str, Any] = field(default_factory=dict)
    identify: Query | None = None

    @property
    def tool(self) -> str:
        """The name of the tool, as people know it."""
        return self.command[0][0].rpartition("/")[2]


def query(options: Mapping[str, Any], where: str) -> Query:
    """A query from a profile's options. Raises ValueError that names `where` and the option."""
    try:
        return _query(options, where)
    except (TypeError, AttributeError) as error:  # a list where a mapping should be, and the like
        raise ValueError(f"{where}: an option of the wrong type: {error}") from None


def _query(options: Mapping[str, Any], where: str) -> Query:
    known = [*(entry.name for entry in fields(Query)), "missing"]
    for name in options:
        if name not in known:
            raise ValueError(f"{where}: {unknown_name('option', name, known)}")
    for name in ("command", "format", "fields"):
        if name not in options:
            raise ValueError(f"{where}: {name} must be given")
    if options["format"] not in FORMATS:
        raise ValueError(f"{where}: {unknown_name('format', options['format'], FORMATS)}")
    for name in ("key", "begin", "first", "second"):
        _pattern(options.get(name), f"{where}: {name}")
    for name, pattern in options.get("common", {}).items():
        if _pattern(pattern, f"{where}: common.{name}").groups != 1:
            raise ValueError(f"{where}: common.{name}: must have one group")
    if options["format"] == "words" and not options.get("count"):
        raise ValueError(f"{where}: count must be given with format words")
    if options.get("utilization") not in (None, "first", "second"):
        raise ValueError(f"{where}: utilization: must be first or second")
    if options.get("separator", "comma") not in ("comma", "space"):
        raise ValueError(f"{where}: separator: must be comma or space")
    if options.get("scope", "card") not in ("card", "module", "package"):
        raise ValueError(f"{where}: scope: must be card, module or package")
    for name in (*options.get("method", {}), *options.get("resolution", {})):
        if name not in CHANNELS:
            raise ValueError(f"{where}: {unknown_name('channel', name, CHANNELS)}")
    identify = options.get("identify")
    values = {name: value for name, value in options.items() if name != "missing"}
    return Query(
        **{
            **values,
            "command": _commands(options["command"], where),
            "fields": _fields(options, where),
            "header": tuple(options.get("header", ())),
            "rows": tuple(options.get("rows", ())),
            "identify": None if identify is None else query(identify, f"{where}: identify"),
        }
    )


def _commands(command: Any, where: str) -> tuple[tuple[str, ...], ...]:
    """One argument list, or a list of them."""
    lists = [command] if command and isinstance(command[0], str) else command
    if not (isinstance(lists, list) and lists and all(isinstance(part, list) and part for part in lists)):
        raise ValueError(f"{where}: command: must be a list of arguments, or a list of such lists")
    return tuple(tuple(str(argument) for argument in part) for part in lists)


def _fields(options: Mapping[str, Any], where: str) -> dict[str, Field]:
    entries: Mapping[str, Any] = options["fields"]
    missing = [str(text) for text in options.get("missing", ())]
    found = {
        name: _field(entry, missing, f"{where}: fields.{name}", NUMBERS.get(name)) for name, entry in entries.items()
    }
    for name in found:
        if name not in (*TEXTS, *NUMBERS):
            raise ValueError(f"{where}: {unknown_name('field', name, (*TEXTS, *NUMBERS))}")
    for name in ("index", "chip"):
        if name in options.get("each", {}):
            found[name] = Field((f"@{name}",))
    if not {"index", "uuid", "pci"} & found.keys():
        raise ValueError(f"{where}: fields: index, uuid or pci must be given")
    return found


def _field(entry: Any, missing: Sequence[str], where: str, quantity: str | None) -> Field:
    if not isinstance(entry, Mapping):
        entry = {"label": entry}
    for name in entry:
        if name not in ("label", "unit", "missing"):
            raise ValueError(f"{where}: {unknown_name('option', name, ('label', 'unit', 'missing'))}")
    labels = entry.get("label", ())
    labels = labels if isinstance(labels, list) else [labels]
    if not labels:
        raise ValueError(f"{where}: label must be given")
    unit = entry.get("unit")
    if unit is not None and unit not in UNITS.get(quantity or "", {}):
        raise ValueError(f"{where}: {unknown_name('unit', str(unit), UNITS.get(quantity or '', {}))}")
    texts = frozenset([*missing, *(str(text) for text in entry.get("missing", ()))])
    return Field(tuple(_label(str(label)) for label in labels), unit, texts)


def _label(text: str) -> str:
    return "/".join(label_and_unit(part)[0] for part in text.split("/"))


def _pattern(text: Any, where: str) -> re.Pattern[str]:
    try:
        return re.compile(text or "")
    except (re.error, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{where}: {error}") from None
