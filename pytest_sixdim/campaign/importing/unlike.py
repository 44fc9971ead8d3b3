"""What to say of a file that holds no event of the format that it was read as."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from pytest_sixdim.campaign.importing.files import lines_of
from pytest_sixdim.campaign.importing.reading import ReadLog
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.registry import RegistryError, load_class

#: Lines that are searched for the marks of other formats.
SEARCHED = 100_000


def not_of_format(read: ReadLog, format_name: str, dialects: Mapping[str, str]) -> str:
    """One sentence: the file, the format, and which other formats' marks stand in it.

    dialects: registered name -> "package.module:Class". Raises CannotImport where the file can't be read again.
    """
    path = read.file.path
    said = f"{path}: no event of the format {format_name!r} in {count_of(read.lines, 'line')}"
    if read.malformed:
        broken = count_of(read.malformed, "line")
        return f"{said}; {broken} that should be one can't be read: {read.first_malformed}"
    marks = {name: mark for name, place in dialects.items() if (mark := _mark(place)) and name != format_name}
    seen: dict[str, None] = {}
    for line in islice(lines_of(path), SEARCHED):
        seen |= {name: None for name, mark in marks.items() if mark in line}
    if seen:
        return f"{said}; it has lines of {', '.join(seen)} (--format)"
    return f"{said}; nor has it marks of {', '.join(marks) or 'any other format'}"


def _mark(place: str) -> str | None:
    """The text that stands in every line of a format's events, where its class has one."""
    try:
        mark = getattr(load_class(place), "mark", None)
    except RegistryError:
        return None
    return mark if isinstance(mark, str) else None
