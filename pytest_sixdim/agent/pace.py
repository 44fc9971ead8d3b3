"""When the cards are read: a schedule that does not drift, and how well it was kept."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

#: Seconds between readings: of energy and power while segments are timed, and of all else.
FAST, SLOW = 0.1, 1.0
#: A period that is more than this many times as long as planned is a gap.
GAP = 3.0
#: How much too early (in periods) an instant still counts as reached.
TOLERANCE = 0.25


class Schedule:
    """Instants `start + n * period`: a late reading does not move those after it, and missed ones are not made up."""

    def __init__(self, start: float, period: float) -> None:
        self._start = start
        self.period = period

    def following(self, began: float, now: float) -> float:
        """The instant after the one at which a reading began; where that is past by `now`, the next to come."""
        due = self._after(began)
        return due if due >= now else self._after(now)

    def _after(self, instant: float) -> float:
        return self._start + (math.floor((instant - self._start) / self.period + TOLERANCE) + 1) * self.period


class Pace:
    """The periods between readings that followed each other at the same pace, as counts of whole milliseconds."""

    def __init__(self) -> None:
        self._gaps = 0
        self._periods: dict[float, Counter[int]] = {FAST: Counter(), SLOW: Counter()}
        self._last: tuple[float, float] | None = None

    def began(self, at: float, period: float) -> None:
        """Take note of a reading at `at` (s), after which the next is due in `period`."""
        if self._last is not None and self._last[1] == period:
            passed = at - self._last[0]
            self._gaps += passed > GAP * period
            self._periods[period][round(passed * 1000)] += 1
        self._last = (at, period)

    def summary(self) -> dict[str, Any]:
        """Percentiles of the period in s, of the fast pace where it was ever kept; gaps at either pace."""
        periods = self._periods[FAST] or self._periods[SLOW]
        return {
            "period_p50": percentile(periods, 0.50),
            "period_p99": percentile(periods, 0.99),
            "period_max": percentile(periods, 1.0),
            "gaps": self._gaps,
        }


def percentile(counts: Counter[int], share: float) -> float | None:
    """Seconds that `share` of the periods (counts of milliseconds) do not exceed; None where there are none."""
    wanted = math.ceil(share * counts.total())
    for milliseconds in sorted(counts):
        wanted -= counts[milliseconds]
        if wanted <= 0:
            return milliseconds / 1000
    return None
