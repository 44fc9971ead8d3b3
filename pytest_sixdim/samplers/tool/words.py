"""One line a card, made of words: the machine-readable form of a tool that prints neither header nor labels."""

from __future__ import annotations

import shlex

from pytest_sixdim.samplers.tool.lines import lines
from pytest_sixdim.samplers.tool.units import Cell


def read_words(text: str, count: int) -> list[dict[str, Cell]]:
    """One record a line, its labels the places of its words ("0", "1", ...); quoted words may hold spaces.

    A line that has not exactly `count` words is another version's, or no card's: it is left out.
    """
    records = []
    for line in lines(text):
        try:
            words = shlex.split(line)
        except ValueError:
            continue
        if len(words) == count:
            records.append({str(place): Cell(word) for place, word in enumerate(words)})
    return records
