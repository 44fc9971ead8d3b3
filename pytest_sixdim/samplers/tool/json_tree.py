"""JSON, read by path: a list or a mapping of cards, however it is wrapped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from pytest_sixdim.samplers.tool.units import Cell, label_and_unit

#: The label under which a record has its own key, where the cards are a mapping ("card0").
KEY = "@key"

#: Characters of a path that is a label; what lies deeper is no reading.
_LONGEST_PATH = 300
#: Places in the text at which a document may begin that are tried.
_MOST_STARTS = 100
_START = re.compile(r"^[ \t]*(?=[\[{])", re.MULTILINE)


def read_json(text: str, rows: Sequence[str], key: str | None = None) -> list[dict[str, Cell]]:
    """One record a card, its labels the paths within it, as in "power/socket_power".

    Args:
        text: what the tool printed. What stands before and after the document (warnings) is skipped.
        rows: keys under which the cards may stand in an object around them.
        key: where the cards are a mapping: a pattern for their keys, others are left out. Its first group, or all
            of it, is the record's KEY.

    Keys are stripped; a unit that a key ends with, or that stands beside a value ({"value": 142, "unit": "W"}), is
    the value's.
    """
    for match in islice(_START.finditer(text), _MOST_STARTS):
        try:
            tree, _ = json.JSONDecoder().raw_decode(text, match.end())
            records = [dict(_flat(row)) for row in _rows(tree, rows, key)]
        except (ValueError, RecursionError):
            continue
        if records:
            return records
    return []


def _rows(tree: Any, wrappers: Sequence[str], key: str | None) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        inner = next((tree[name] for name in wrappers if name in tree), None)
        if inner is not None:
            yield from _rows(inner, (), key)
            return
        for name, row in tree.items():
            match = re.fullmatch(key, name.strip()) if key is not None else None
            if match is not None and isinstance(row, dict):
                yield {KEY: match[match.lastindex or 0], **row}
    elif isinstance(tree, list):
        yield from (row for row in tree if isinstance(row, dict))


def _flat(tree: Any, path: str = "", unit: str | None = None) -> Iterator[tuple[str, Cell]]:
    if isinstance(tree, dict) and "value" in tree:
        yield path, Cell(_text(tree["value"]), str(tree["unit"]) if tree.get("unit") else unit)
    elif isinstance(tree, dict | list):
        inner = tree.items() if isinstance(tree, dict) else ((str(place), value) for place, value in enumerate(tree))
        for name, value in inner:
            label, of_name = label_and_unit(name)
            inside = f"{path}/{label}" if path else label
            if len(inside) <= _LONGEST_PATH:
                yield from _flat(value, inside, of_name)
    else:
        yield path, Cell(_text(tree), unit)


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool | dict | list) else str(value)
