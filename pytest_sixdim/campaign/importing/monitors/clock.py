"""Between a monitor's local time and the time of day of a run's events."""

from __future__ import annotations

import re

from pytest_sixdim.campaign.importing import CannotImport

Span = tuple[float, float]

#: Minutes that clocks somewhere are ahead of UTC, by quarters of an hour (IANA time zones, summer time included).
OFFSETS: tuple[int, ...] = (*range(-720, 841, 60), -570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 765, 825)
#: A monitor may begin or end so many seconds inside the run: it is started a little late, and reads every 5 s.
SLACK = 60.0
#: Seconds in the share of the run that must be covered; else the offset is no candidate.
COVERED = 0.95
_OFFSET = re.compile(r"([+-])(\d{1,2}):(\d{2})")


def parse_offset(text: str) -> float:
    """ "+08:00" in s. Raises CannotImport."""
    match = _OFFSET.fullmatch(text.strip())
    if match is None or int(match[3]) > 59 or int(match[2]) > 14:
        raise CannotImport(f"--utc-offset {text}: give hours and minutes ahead of UTC, such as +08:00 or -03:30")
    seconds = 3600.0 * int(match[2]) + 60.0 * int(match[3])
    return -seconds if match[1] == "-" else seconds


def offset_text(seconds: float) -> str:
    """As in "+08:00"."""
    whole = int(abs(seconds) // 60)
    return f"{'-' if seconds < 0 else '+'}{whole // 60:02d}:{whole % 60:02d}"


def inferred(monitor: Span, run: Span, name: str) -> float:
    """How far a monitor's clock is ahead of UTC, s: the one offset under which it covers the run.

    monitor: its first and last reading in local time (as if that were UTC); run: the first and the last event, UTC.
    Raises CannotImport, which asks for --utc-offset, where several offsets do or none.
    """
    fitting = sorted(60.0 * minutes for minutes in OFFSETS if _covers(monitor, run, 60.0 * minutes))
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise CannotImport(
            f"{name}: under no time zone does it cover the run, whose events are of another time; "
            "give --utc-offset (such as +08:00) if it is of this run"
        )
    texts = ", ".join(map(offset_text, fitting))
    raise CannotImport(f"{name}: it may be in local time of {texts}: say which with --utc-offset, such as +08:00")


def _covers(monitor: Span, run: Span, offset: float) -> bool:
    """Whether a monitor under this offset covers the run, but for SLACK at either end."""
    begin, end = monitor[0] - offset, monitor[1] - offset
    slack = min(SLACK, (1 - COVERED) * (run[1] - run[0]) + 10.0)
    return begin <= run[0] + slack and end >= run[1] - slack
