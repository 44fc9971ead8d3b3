"""Energy counters: what they counted between two instants (docs/method.md, section 4).

A counter is read at 10 Hz and steps when it likes. Only the readings that bring a new value say when it stood where;
between these ticks the energy is taken to grow evenly, which lets a window's edges fall anywhere.
"""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_sixdim.core.readings import HOLD_PERIODS, HOLD_SECONDS, present
from pytest_sixdim.core.records import Series
from pytest_sixdim.core.spans import Span, holds, within, without


@dataclass(frozen=True)
class EnergyCurve:
    """A counter's ticks: instants, and joules with wraps undone. `backwards`: instants at which the counter fell."""

    times: tuple[float, ...]
    joules: tuple[float, ...]
    backwards: tuple[float, ...] = ()

    def period(self, spans: Sequence[Span]) -> float | None:
        """The usual time between two ticks around merged spans, s; None with fewer than two."""
        around = [t for t in self.times if _around(spans, t)]
        times = around if len(around) > 1 else self.times
        return statistics.median(b - a for a, b in pairwise(times)) if len(times) > 1 else None

    def step(self, spans: Sequence[Span]) -> float | None:
        """The smallest step of the counter around merged spans, J; None with fewer than two ticks there."""
        around = [joules for t, joules in zip(self.times, self.joules, strict=True) if _around(spans, t)]
        return min((b - a for a, b in pairwise(around) if b > a), default=None)

    def ticks(self, spans: Sequence[Span]) -> int:
        """How many ticks lie in merged spans."""
        return sum(1 for t in self.times if holds(spans, t))

    def at(self, t: float) -> float:
        """Joules counted by the instant, which must lie between the first and the last tick."""
        index = min(bisect_right(self.times, t), len(self.times) - 1)
        begin, end = self.times[index - 1], self.times[index]
        share = (t - begin) / (end - begin)
        return (1 - share) * self.joules[index - 1] + share * self.joules[index]

    def covered(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """What of merged spans the counter covers.

        A gap inside a span is covered, for the counter counts on; a gap over a span's edge is not, for nobody knows
        how much of its energy fell on either side.
        """
        period = self.period(spans)
        if period is None:
            return ()
        known = within(spans, (self.times[0], self.times[-1]))
        longest = max(HOLD_SECONDS, HOLD_PERIODS * period)
        gaps = [gap for gap in pairwise(self.times) if gap[1] - gap[0] > longest]
        over_edges = [(a, b) for a, b in gaps if any(a < edge < b for span in known for edge in span)]
        return without(known, over_edges)

    def counted(self, spans: Sequence[Span]) -> float:
        """Joules of spans that lie between the first and the last tick."""
        return math.fsum(self.at(end) - self.at(begin) for begin, end in spans)


def _around(spans: Sequence[Span], t: float) -> bool:
    return bool(spans) and spans[0][0] <= t <= spans[-1][1]


def energy_curve(series: Series, wrap: float | None = None) -> EnergyCurve:
    """The ticks of a counter.

    Args:
        series: readings of the counter, J; missing ones are passed over.
        wrap: the value after which the counter starts again at 0. A fall by at least half of it is a wrap, every
            other fall is a counter that went backwards.

    The first reading is no tick: nobody saw the counter change. Instants must ascend.
    """
    times: list[float] = []
    joules: list[float] = []
    backwards: list[float] = []
    offset = 0.0
    for (_, before), (t, value) in pairwise(present(series)):
        if value == before:
            continue
        if value < before:
            if wrap is not None and before - value >= wrap / 2:
                offset += wrap
            else:
                backwards.append(t)
                offset += before - value
        times.append(t)
        joules.append(value + offset)
    return EnergyCurve(tuple(times), tuple(joules), tuple(backwards))
