"""Stretches of time on one monotonic clock, in seconds."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

#: From, to.
Span = tuple[float, float]


def duration(spans: Iterable[Span]) -> float:
    """Seconds that spans which do not overlap last together."""
    return math.fsum(end - begin for begin, end in spans)


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The union of the spans, ascending, those that touch joined; empty ones are dropped."""
    joined: list[Span] = []
    for begin, end in sorted(span for span in spans if span[1] > span[0]):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return tuple(joined)


def without(spans: Iterable[Span], cuts: Iterable[Span]) -> tuple[Span, ...]:
    """What of the spans no cut covers, ascending."""
    left: list[Span] = []
    ahead = merged(cuts)
    for begin, end in merged(spans):
        first, last = bisect_right(ahead, begin, key=_end), bisect_left(ahead, end, key=_begin)
        for cut_begin, cut_end in ahead[first:last]:
            if cut_begin > begin:
                left.append((begin, cut_begin))
            begin = cut_end
        if end > begin:
            left.append((begin, end))
    return tuple(left)


def within(spans: Iterable[Span], bounds: Span) -> tuple[Span, ...]:
    """What of the spans lies between the bounds, ascending."""
    return tuple(
        (max(begin, bounds[0]), min(end, bounds[1]))
        for begin, end in merged(spans)
        if min(end, bounds[1]) > max(begin, bounds[0])
    )


def last_seconds(spans: Iterable[Span], seconds: float) -> tuple[Span, ...]:
    """The last `seconds` of the spans, ascending; all of them where they are shorter."""
    taken: list[Span] = []
    for begin, end in reversed(merged(spans)):
        if seconds <= 0:
            break
        taken.append((max(begin, end - seconds), end))
        seconds -= end - begin
    return tuple(reversed(taken))


def overlap(spans: Sequence[Span], begin: float, end: float) -> float:
    """Seconds that merged spans share with the time from `begin` to `end`."""
    seconds = 0.0
    for index in range(bisect_right(spans, begin, key=_end), len(spans)):
        if spans[index][0] >= end:
            break
        seconds += min(spans[index][1], end) - max(spans[index][0], begin)
    return seconds


def holds(spans: Sequence[Span], t: float) -> bool:
    """Whether the instant lies in one of the merged spans, their borders included."""
    index = bisect_left(spans, t, key=_end)
    return index < len(spans) and spans[index][0] <= t


def _begin(span: Span) -> float:
    return span[0]


def _end(span: Span) -> float:
    return span[1]
