"""Polled readings over spans of time, by zero-order hold (docs/method.md, sections 4 and 5).

A reading holds until the next one. A reading that is missing ends the hold and covers nothing: it is never 0.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_sixdim.core.records import Series
from pytest_sixdim.core.spans import Span, holds, merged, overlap

#: A reading holds for at most so many periods of its series, or so many seconds where that is longer (outside
#: segments cards are read at 1 Hz): beyond, the time counts as uncovered.
HOLD_PERIODS = 3.0
HOLD_SECONDS = 1.5


@dataclass(frozen=True)
class Held:
    """Readings over spans.

    Attributes:
        mean: time-weighted over the covered time, None where no time is covered.
        covered: seconds of the spans that a reading covers.
        readings: taken within the spans.
        longest_gap: the longest time between two readings that the spans touch, s; None with fewer than two.
    """

    mean: float | None
    covered: float
    readings: int
    longest_gap: float | None


def present(series: Series) -> list[tuple[float, float]]:
    """Time and value of the readings that are there, ascending."""
    readings = zip(series.times, series.values, strict=True)
    return [(t, value) for t, value in readings if value is not None and math.isfinite(value)]


def held(series: Series, spans: Sequence[Span]) -> Held:
    """The readings of the series over the spans."""
    spans = merged(spans)
    limit = max(HOLD_SECONDS, HOLD_PERIODS * _period(series, spans))
    series = _around(series, spans)
    weighted: list[float] = []
    covered: list[float] = []
    for index, (t, value) in enumerate(zip(series.times, series.values, strict=True)):
        if value is None or not math.isfinite(value):
            continue
        end = series.times[index + 1] if index + 1 < len(series.times) else math.inf
        seconds = overlap(spans, t, min(end, t + limit))
        weighted.append(seconds * value)
        covered.append(seconds)
    total = math.fsum(covered)
    inside = [t for t, _ in present(series) if holds(spans, t)]
    return Held(
        mean=math.fsum(weighted) / total if total > 0 else None,
        covered=total,
        readings=len(inside),
        longest_gap=_longest_gap(series, spans),
    )


def _around(series: Series, spans: Sequence[Span]) -> Series:
    """The part of the series that can cover merged spans, from the reading before them to the one after."""
    if not spans:
        return Series((), ())
    first = max(0, bisect_right(series.times, spans[0][0]) - 1)
    while first > 0 and series.values[first] is None:
        first -= 1
    last = bisect_left(series.times, spans[-1][1]) + 1
    return Series(series.times[first:last], series.values[first:last])


def _period(series: Series, spans: Sequence[Span]) -> float:
    """The usual time between two readings around the spans, missing ones too; infinite where there is none."""
    around: Sequence[float] = ()
    if spans:
        around = series.times[bisect_left(series.times, spans[0][0]) : bisect_right(series.times, spans[-1][1])]
    times = around if len(around) > 1 else series.times
    return statistics.median(b - a for a, b in pairwise(times)) if len(times) > 1 else math.inf


def _longest_gap(series: Series, spans: Sequence[Span]) -> float | None:
    times = [t for t, _ in present(series)]
    return max((b - a for a, b in pairwise(times) if overlap(spans, a, b) > 0), default=None)
