"""From a record, as a reader made it, to a card and its readings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_sixdim.core.visible import visible
from pytest_sixdim.samplers.identity import pci_address
from pytest_sixdim.samplers.tool.query import NUMBERS, TEXTS, Field, Query
from pytest_sixdim.samplers.tool.units import Cell, is_missing, number

Record = Mapping[str, Cell]

_NUMBER = re.compile(r"[0-9]{1,6}")
#: Characters of a card's name, UUID and so on.
_LONGEST_TEXT = 200


@dataclass(frozen=True)
class CardReading:
    """One card as the tool printed it just now.

    Attributes:
        key: what tells it from the other cards of this tool, the same in every answer.
        texts: who it is (query.TEXTS); what is not printed is not there.
        values: query.NUMBERS in their channel's unit; None where the tool has no value, not there where it never has.
        unread: texts that stand where a number should and are none, or have no unit.
    """

    key: tuple[str, ...]
    texts: Mapping[str, str]
    values: Mapping[str, float | None] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def index(self) -> int:
        """The tool's number of the card; -1 where it prints none."""
        return int(self.texts.get("index", -1))


def chosen(query: Query, records: Sequence[Record]) -> dict[str, Field]:
    """The fields with the one label each that counts from now on: the first that has a value on any of the cards,
    else the first that is printed. Readings then never change from one sensor to another midway."""
    found = {}
    for name, entry in query.fields.items():
        printed = [label for label in entry.labels if any(label in record for record in records)]
        valued = [
            label
            for label in printed
            if any(label in record and not is_missing(record[label], entry.missing) for record in records)
        ]
        if printed:
            found[name] = Field((*valued, *printed)[:1], entry.unit, entry.missing)
    return found


def card_reading(record: Record, fields: Mapping[str, Field], same: Mapping[str, str]) -> CardReading | None:
    """The card of a record, None where it is none: a line of something else has no number or no address."""
    texts = {}
    for name in TEXTS:
        entry = fields.get(name)
        cell = record.get(entry.labels[0]) if entry else None
        if entry is not None and cell is not None and not is_missing(cell, entry.missing):
            texts[name] = visible(cell.text.strip())[:_LONGEST_TEXT]
    if "index" in texts and not _NUMBER.fullmatch(texts["index"]):
        return None
    if "pci" in texts:
        address = pci_address(texts.pop("pci"))
        texts |= {"pci": address} if address else {}
    key = _key(texts)
    if key is None:
        return None
    values: dict[str, float | None] = {}
    unread = {}
    for name, entry in fields.items():
        if name not in NUMBERS:
            continue
        cell = record.get(entry.labels[0], Cell(""))
        values[name] = number(cell, NUMBERS[name], entry.unit, same, entry.missing)
        if values[name] is None and not is_missing(cell, entry.missing):
            unread[name] = cell.text
    if "memory_share" in values:
        share, total = values.pop("memory_share"), values.get("memory_total")
        if values.get("memory") is None:
            values["memory"] = share / 100 * total if share is not None and total is not None else None
    return CardReading(key, texts, values, unread)


def _key(texts: Mapping[str, str]) -> tuple[str, ...] | None:
    for name in ("uuid", "pci"):
        if name in texts:
            return name, texts[name]
    return ("number", texts["index"], texts.get("chip", "")) if "index" in texts else None
