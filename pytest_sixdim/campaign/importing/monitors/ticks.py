"""FlagPerf's monitors: a line with the time of day, what the vendor's tool printed then, an empty line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from pytest_sixdim.campaign.importing.files import lines_of

STAMP = re.compile(r"\s*(\d{4}-\d{2}-\d{2}-\d{2}:\d{2}:\d{2})\s*")
#: Lines of one reading; a tool that prints more went wrong.
MOST_LINES = 2000


class Tick(NamedTuple):
    """One reading. `local`: its time of day as the host's clock showed it, in s since 1970 as if that were UTC, to the
    second; `lines`: what the tool printed."""

    local: float
    lines: list[str]


def ticks(path: Path) -> Iterator[Tick]:
    """The readings of a monitor's log, in the order of the file; what stands before the first stamp is passed over.

    Raises CannotImport where the file can't be read.
    """
    tick: Tick | None = None
    for line in lines_of(path):
        stamp = _local(line)
        if stamp is not None:
            if tick is not None:
                yield tick
            tick = Tick(stamp, [])
        elif tick is not None and len(tick.lines) < MOST_LINES:
            tick.lines.append(line)
    if tick is not None:
        yield tick


def _local(line: str) -> float | None:
    match = STAMP.fullmatch(line)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y-%m-%d-%H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
    except ValueError:  # no such date
        return None
