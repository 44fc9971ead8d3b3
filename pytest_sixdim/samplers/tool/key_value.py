"""Lines of "label : value", read by block and not by the order of lines."""

from __future__ import annotations

import re

from pytest_sixdim.samplers.tool.lines import lines
from pytest_sixdim.samplers.tool.units import Cell, label_and_unit


def read_key_values(text: str, begin: str | None = None) -> list[dict[str, Cell]]:
    """One record a block.

    Args:
        text: what the tool printed.
        begin: pattern of the line that begins a card's block, its named groups labels of the record; what stands
            before the first is left out. Without it all that one call prints is one card's block.

    Within a block the order of lines does not count. A label that comes twice with different values is nobody's for
    certain: it is left out.
    """
    blocks: list[dict[str, set[Cell]]] = [] if begin else [{}]
    for line in lines(text):
        start = re.search(begin, line) if begin else None
        if start is not None:
            blocks.append({name: {Cell(value)} for name, value in start.groupdict().items() if value is not None})
            continue
        name, colon, value = line.partition(":")
        if colon and name.strip() and blocks:
            label, unit = label_and_unit(name)
            blocks[-1].setdefault(label, set()).add(Cell(value.strip(), unit))
    records = [{label: cells.pop() for label, cells in block.items() if len(cells) == 1} for block in blocks]
    return [record for record in records if record]
