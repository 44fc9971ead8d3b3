"""The lines of what a tool printed."""

from __future__ import annotations

from collections.abc import Iterator

#: Characters. A longer line is no table's: a tool went wrong, and to search such a line would take long.
LONGEST = 4096


def lines(text: str) -> Iterator[str]:
    """Lines without their ends, those left out that are longer than LONGEST."""
    return (line for line in text.replace("\0", "").splitlines() if len(line) <= LONGEST)
