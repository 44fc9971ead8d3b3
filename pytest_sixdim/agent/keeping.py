"""Which events are recorded: all that a figure needs, in bounded memory however many a program prints.

Where the agent leaves events out, it does so by their number and never by time: two runs that report the same losses
keep the same of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping

from pytest_sixdim.core.events import Evaluation, Event, Memory, Progress, Segment, WarmupEnd

#: Events of a series that are all kept; of the following as many every second, then twice as many every fourth, ...
ALL = 4096
#: Of a rank's events that come once by right: start, warmup_end, end.
ONCE = 100
#: Ranks and names of metrics that are told apart.
SERIES = 1000


def kept(index: int) -> bool:
    """Whether the event with this place in its series (from 0) is among the ever fewer that are kept."""
    return index < ALL or index % (1 << (index // ALL).bit_length()) == 0


class Keeping:
    """Decides event by event.

    Attributes:
        thinned: events by kind that were left out and change no figure of the window and no value at convergence.
        lost: events by kind that were left out and may have mattered.
    """

    def __init__(self) -> None:
        self.thinned: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self._series: dict[Hashable, _Series] = {}

    def keeps(self, event: Event) -> bool:
        """Whether to record this event, which comes next."""
        key = _series_of(event)
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= SERIES:
                self.lost[event.kind] += 1
                return False
            series = self._series[key] = _Series()
        keep = series.keeps(event)
        series.left_out = None if keep else event
        if not keep:
            (self.lost if series.lost else self.thinned)[event.kind] += 1
        if keep and isinstance(event, WarmupEnd) and series.count == 1:
            self._series.pop((event.rank, Segment), None)  # the window's segments follow, and count from here
        return keep

    def last(self) -> Iterator[Evaluation]:
        """The last evaluations of their series that were left out, to be recorded once no other can come: a value after
        a fixed number of samples (stability, `at: budget`) may be of the last one."""
        for series in self._series.values():
            event, series.left_out = series.left_out, None
            if isinstance(event, Evaluation):
                (self.lost if series.lost else self.thinned)[event.kind] -= 1
                yield event

    def left_out(self) -> Mapping[str, Mapping[str, int]]:
        """What was left out so far; empty where nothing was."""
        counts = {"thinned": dict(+self.thinned), "lost": dict(+self.lost)}
        return {name: kinds for name, kinds in counts.items() if kinds}


def _series_of(event: Event) -> Hashable:
    """Losses are numbered apart from other signs of life, which may come by time, and metrics apart from each other."""
    if isinstance(event, Progress):
        return event.rank, Progress, not event.skipped and (event.loss is not None or event.diverged)
    if isinstance(event, Evaluation):
        return event.rank, Evaluation, event.metric
    return event.rank, type(event)


class _Series:
    """Events of one kind and rank. `count`: how many came; `left_out`: the last one, where it was; `lost`: whether it
    may have mattered."""

    def __init__(self) -> None:
        self.count = 0
        self.left_out: Event | None = None
        self.lost = False
        self._not_finite = self._best = 0
        self._after_not_finite = False
        self._lowest, self._highest = math.inf, -math.inf

    def keeps(self, event: Event) -> bool:
        """Whether to keep the series' next event."""
        index, self.count, self.lost = self.count, self.count + 1, False
        if not isinstance(event, (Progress, Segment, Evaluation, Memory)):
            return index < ONCE
        if event.diverged or (isinstance(event, Evaluation) and event.value is None):
            # All of them and the finite one after each, else finite ones left out between would make a divergence.
            self._not_finite += 1
            self._after_not_finite = self._not_finite <= ALL
            return self._after_not_finite
        after, self._after_not_finite = self._after_not_finite, False
        best = isinstance(event, Evaluation) and event.value is not None and self._is_best(event.value)
        if kept(index) or after:
            return True
        if best:
            self._best += 1
            self.lost = self._best > ALL
        return best and not self.lost

    def _is_best(self, value: float) -> bool:
        """Whether no evaluation was higher, or none lower: the first that meets a target, and the best, are such."""
        best = value > self._highest or value < self._lowest
        self._lowest, self._highest = min(self._lowest, value), max(self._highest, value)
        return best
