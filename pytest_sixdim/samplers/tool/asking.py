"""Asks a tool one query, again and again: its commands, for each card where they take a number, into cards."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pytest_sixdim.samplers.tool.csv_table import read_csv
from pytest_sixdim.samplers.tool.json_tree import read_json
from pytest_sixdim.samplers.tool.key_value import read_key_values
from pytest_sixdim.samplers.tool.process import Tool, ToolFailure
from pytest_sixdim.samplers.tool.query import Field, Query
from pytest_sixdim.samplers.tool.reading import CardReading, Record, card_reading, chosen
from pytest_sixdim.samplers.tool.unit_table import FIRST, read_table
from pytest_sixdim.samplers.tool.units import Cell
from pytest_sixdim.samplers.tool.words import read_words

Numbers = Mapping[str, int]
#: Records of one call: cards, and rows of other tables that look like theirs.
MOST_RECORDS = 1000


class Asking:
    """A query that a tool answers here.

    Args:
        tool: runs the commands.
        query: what to ask.

    Raises ToolFailure where the tool does not answer it, or lists no card.
    """

    def __init__(self, tool: Tool, query: Query) -> None:
        self._tool = tool
        self.query = query
        self._calls = list(self._answering())
        records = self._records()
        self.fields: Mapping[str, Field] = chosen(query, records)
        self._unread: list[CardReading] | None = self._checked(records)

    def newest(self) -> Sequence[CardReading]:
        """The first answer, or where it was had before, the cards and their readings now. Raises ToolFailure."""
        cards, self._unread = self._unread, None
        return self.again() if cards is None else cards

    def again(self) -> Sequence[CardReading]:
        """The cards and their readings now. Raises ToolFailure."""
        return self._checked(self._records())

    def _answering(self) -> Iterator[Numbers]:
        """The numbers (of a card, of its chip) for which the first command answers; just one, without any number,
        where the commands take none. The first number that fails after one that did not is past the last card."""
        if not self.query.each:
            yield {}
            return
        (outer, count), *rest = self.query.each.items()
        inner, chips = rest[0] if rest else ("", 1)
        last: ToolFailure | None = None
        answered = False
        for number in range(count):
            answers = False
            for chip in range(chips):
                numbers = {outer: number, **({inner: chip} if inner else {})}
                try:
                    if not self._read(self.query.command[0], numbers):
                        raise ToolFailure(f"{self.query.tool}: nothing that can be read")
                except ToolFailure as failure:
                    if failure.hopeless:
                        raise
                    last = failure
                    break
                answers = answered = True
                yield numbers
            if answered and not answers:
                return
        if not answered:
            raise last or ToolFailure(f"{self.query.tool}: asked for no card")

    def _records(self) -> list[dict[str, Cell]]:
        """All commands' answers. The first command must answer for a card; what the others add may be missing."""
        records: list[dict[str, Cell]] = []
        failure: ToolFailure | None = None
        for numbers in self._calls:
            try:
                answer = self._read(self.query.command[0], numbers)
            except ToolFailure as error:
                if error.hopeless or not numbers:
                    raise
                failure = error
                continue
            for command in self.query.command[1:]:
                try:
                    _add(answer, self._read(command, numbers), self.query)
                except ToolFailure as error:
                    if error.hopeless:
                        raise
            records += answer
        if failure is not None and not records:
            raise failure
        return records

    def _read(self, command: Sequence[str], numbers: Numbers) -> list[dict[str, Cell]]:
        given = [_filled(argument, numbers) for argument in command]
        text = self._tool.run(given)
        asked = {f"@{name}": Cell(str(value)) for name, value in numbers.items()}
        everywhere = {
            label: Cell(match[1]) for label, pattern in self.query.common.items() if (match := re.search(pattern, text))
        }
        return [{**everywhere, **record, **asked} for record in records_of(text, self.query)]

    def _checked(self, records: Sequence[Record]) -> list[CardReading]:
        """The cards of the records; two that cannot be told apart are left out. Raises ToolFailure where none is."""
        cards = [card for record in records if (card := card_reading(record, self.fields, self.query.same))]
        keys = Counter(card.key for card in cards)
        certain = [card for card in cards if keys[card.key] == 1]
        if not certain:
            raise ToolFailure(f"{self.query.tool}: no card in what it prints")
        return certain


def records_of(text: str, query: Query) -> list[dict[str, Cell]]:
    """The records of what the query's command printed; none where there are more than any host has cards."""
    records = _records_of(text, query)
    return records if len(records) <= MOST_RECORDS else []


def _records_of(text: str, query: Query) -> list[dict[str, Cell]]:
    if query.format == "csv":
        labels = {label for entry in query.fields.values() for label in entry.labels}
        return read_csv(text, query.header, labels, query.separator)
    if query.format == "json":
        return read_json(text, query.rows, query.key)
    if query.format == "blocks":
        return read_key_values(text, query.begin)
    if query.format == "words":
        return read_words(text, query.count)
    return read_table(text, query.first or FIRST, query.second, query.utilization)


def _add(records: list[dict[str, Cell]], more: Sequence[Record], query: Query) -> None:
    """Add to each record what another command says of the same card."""
    labels = [label for name in ("index", "chip") if name in query.fields for label in query.fields[name].labels]

    def number(record: Record) -> list[str | None]:
        return [record[label].text if label in record else None for label in labels]

    for record in records:
        same = [other for other in more if number(other) == number(record)]
        if len(same) == 1:
            record |= {label: cell for label, cell in same[0].items() if label not in record}


def _filled(argument: str, numbers: Numbers) -> str:
    for name, value in numbers.items():
        argument = argument.replace("{" + name + "}", str(value))
    return argument
