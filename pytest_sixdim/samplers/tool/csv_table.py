"""Tables of comma-separated values, read by header and never by position."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

from pytest_sixdim.samplers.tool.lines import lines
from pytest_sixdim.samplers.tool.units import Cell, label_and_unit

Separator = Literal["comma", "space"]


def read_csv(
    text: str, header: Sequence[str], key: Collection[str], separator: Separator = "comma"
) -> list[dict[str, Cell]]:
    """One record a row.

    Args:
        text: what the tool printed. Lines before the header (warnings) are skipped.
        header: the columns of a tool that prints none; empty where it prints one.
        key: labels one of which the header must have, by which it is known.
        separator: what stands between cells; space: any number of them.

    A row with more or fewer cells than the header has belongs to something else and is left out.
    """
    columns = [label_and_unit(name) for name in header]
    records = []
    for row in _rows(text, separator):
        found = [label_and_unit(name) for name in row]
        if any(label in key for label, _ in found):
            columns = found if not header else columns
        elif columns and len(row) == len(columns):
            records.append({label: Cell(cell, unit) for (label, unit), cell in zip(columns, row, strict=True)})
    return records


def _rows(text: str, separator: Separator) -> Iterator[list[str]]:
    for line in lines(text):
        if separator == "space":
            row = line.split()
        else:
            try:  # line by line, so that a stray quote cannot swallow what follows
                row = [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True), [])]
            except csv.Error:
                continue
        if row:
            yield row
