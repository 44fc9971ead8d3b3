"""What vendors' monitors of FlagPerf print of a card: lines whose words awk has chosen, or the tool's own table.

The lines are the table LINES; the tools' tables are read as the vendor's profile says (pytest_sixdim/vendors).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers.tool.asking import records_of
from pytest_sixdim.samplers.tool.boards import BoardRule, board_rule
from pytest_sixdim.samplers.tool.query import NUMBERS, Field, Query, query
from pytest_sixdim.samplers.tool.reading import CardReading, card_reading, chosen
from pytest_sixdim.samplers.tool.units import Cell, is_missing, number

#: Numbers that a line must have to be a card's.
LEAST_NUMBERS = 2
MEMORY = ("memory", "memory_total")
#: Formats of tools that print all cards at once, in a form that a log keeps.
TEXT_FORMATS = ("table", "csv", "words")


@dataclass(frozen=True)
class LineFormat:
    """One line a card, without its number. `units`: of values that are printed without one."""

    name: str
    pattern: re.Pattern[str]
    units: Mapping[str, str]


LINES = (
    # nvidia, iluvatar, kunlunxin, mthreads, base/vendors/dcu: "31C 57W 15MiB 40536MiB 0%"
    LineFormat(
        "five words",
        re.compile(
            r"(?P<temperature>\S{1,20}) (?P<power>\S{1,20}) (?P<memory>\S{1,20}) (?P<memory_total>\S{1,20}) "
            r"(?P<utilization>\S{1,20})"
        ),
        {},
    ),
    # cambricon: "32C 106 W/ 0 MiB/ 23374 0%"
    LineFormat(
        "seven words",
        re.compile(
            r"(?P<temperature>\S{1,20}) (?P<power>\S{1,20}) W?/ (?P<memory>\S{1,20}) MiB/ (?P<memory_total>\S{1,20}) "
            r"(?P<utilization>\S{1,20})"
        ),
        {"power": "W", "memory": "MiB", "memory_total": "MiB"},
    ),
)
#: What is left of a table without the rows that number the cards: tried after the table.
# metax: "35C 58W 280W 666/65536 MiB", "| 35C 56W | 914/65536 MiB |"
REST = LineFormat(
    "a table's second rows",
    re.compile(
        r"(?:\| )?(?P<temperature>\S{1,20}) (?P<power>\S{1,20}W|N/A)(?: \d{1,5}W)?(?: \|)? "
        r"(?P<memory>\d{1,9})/(?P<memory_total>\d{1,9}) MiB(?: \|.{0,40})?"
    ),
    {"memory": "MiB", "memory_total": "MiB"},
)


class MonitorFormat(Protocol):
    """Reads what a monitor printed at one time.

    Attributes:
        name: for a person.
        rule: which cards share a sensor of power; None where each has its own.
    """

    name: str
    rule: BoardRule | None

    def read(self, lines: Sequence[str]) -> list[CardReading]:
        """The cards in the order of their numbers; empty where no line is one's."""


class Lines:
    """A LineFormat: cards are numbered as their lines come.

    card: what they are called, where that is known. invented: values that the vendor's tool does not print, so that
    whoever wrote the line made them up: FlagPerf's memory of a DCU is a percentage of 64 GiB, whatever the card has.
    """

    def __init__(
        self, form: LineFormat, card: str | None = None, rule: BoardRule | None = None, invented: Sequence[str] = ()
    ) -> None:
        self.name = form.name
        self.rule = rule
        self._form = form
        self._invented = invented
        self._card = {} if card is None else {"name": card}

    def read(self, lines: Sequence[str]) -> list[CardReading]:
        """See MonitorFormat.read."""
        values = [found for line in lines if (found := self._values(line)) is not None]
        return [
            CardReading(("number", str(place)), {"index": str(place), **self._card}, found)
            for place, found in enumerate(values)
        ]

    def _values(self, line: str) -> dict[str, float | None] | None:
        match = self._form.pattern.fullmatch(" ".join(line.split()))
        if match is None:
            return None
        cells = {name: Cell(text) for name, text in match.groupdict().items()}
        values = {name: number(cell, NUMBERS[name], self._form.units.get(name)) for name, cell in cells.items()}
        read = sum(value is not None for value in values.values())
        strange = any(value is None and not _is_missing(cells[name]) for name, value in values.items())
        if read < LEAST_NUMBERS or strange:
            return None
        return {name: None if name in self._invented else value for name, value in values.items()}


class Table:
    """A vendor's tool, as the profile reads it. `prints`: the names of its fields."""

    def __init__(self, form: Query) -> None:
        self.name = f"{' '.join(form.command[0])} ({form.format})"
        self.rule = board_rule(form.board)
        self.prints = frozenset(form.fields)
        self._query = form
        self._fields: Mapping[str, Field] | None = None

    def read(self, lines: Sequence[str]) -> list[CardReading]:
        """See MonitorFormat.read. The labels of the first reading with a card count from then on."""
        records = records_of("\n".join(lines), self._query)
        fields = self._fields or chosen(self._query, records)
        found = [card for record in records if (card := card_reading(record, fields, self._query.same)) is not None]
        cards = list({card.key: card for card in found if any(v is not None for v in card.values.values())}.values())
        if cards:
            self._fields = fields
        return sorted(cards, key=lambda card: (card.index, card.key))


def formats_of(profile: VendorProfile, card: str | None) -> list[MonitorFormat]:
    """The formats that a monitor of this vendor's cards may have. `card`: what the vendor's tools call the card."""
    tables = [Table(form) for form in _queries(profile)]
    rule = next((table.rule for table in tables if table.rule is not None), None)
    rule = rule or next(iter(_rules(profile)), None)
    printed = {name for table in tables for name in table.prints}
    invented = [name for name in MEMORY if tables and name not in printed]
    return [*(Lines(form, card, rule, invented) for form in LINES), *tables, Lines(REST, card, rule, invented)]


def _queries(profile: VendorProfile) -> Iterator[Query]:
    for options in _tool_options(profile):
        alternatives = options.pop("alternatives")
        for one in alternatives:
            form = query({**options, **one}, profile.id)
            if form.format in TEXT_FORMATS and not form.each and len(form.command) == 1:
                yield form


def _rules(profile: VendorProfile) -> Iterator[BoardRule]:
    for options in _tool_options(profile):
        rule = board_rule(options.get("board", {}))
        if rule is not None:
            yield rule


def _tool_options(profile: VendorProfile) -> Iterator[dict[str, Any]]:
    """The options of the vendor's tool that say how its answers are read."""
    about_the_tool = ("environment", "timeout", "interval", "requires_pci", "pci")
    for choice in profile.samplers:
        if choice.sampler == "command":
            yield {name: value for name, value in choice.options.items() if name not in about_the_tool}


def _is_missing(cell: Cell) -> bool:
    """Whether a monitor says that there is no value: awk may have put a unit after "N/A", or found no word."""
    text = cell.text
    for unit in ("MiB", "W", "C", "%"):
        text = text.removesuffix(unit)
    return is_missing(Cell(text)) or text.upper().startswith(("N/A", "[N/A", "ERR", "[NOT"))
