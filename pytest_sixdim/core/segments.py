"""One segment and the time that it trained in (docs/method.md, "Words")."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_sixdim.core.events import Evaluation, Segment
from pytest_sixdim.core.spans import Span, duration, last_seconds, merged, within, without

#: What a full-size segment lasts at least.
SEGMENT_STEPS = 50
SEGMENT_SECONDS = 6.0
#: Where 50 steps exceed this, a segment lasts at least this and LONG_SEGMENT_STEPS.
LONG_SEGMENT_SECONDS = 120.0
LONG_SEGMENT_STEPS = 10


@dataclass(frozen=True)
class TimedSegment:
    """A segment and the time that it trained in.

    `seconds` are the program's (the maximum over ranks); `ended` is the instant of its end; `spans` are what of the
    time since the border before was training: they end at `ended` and last `seconds`, evaluations cut out. There are
    none where nobody knows when it trained, as in a recorded log without stamps. What a program does not say is None.
    """

    index: int
    samples: int | None
    seconds: float | None
    steps: int | None
    ended: float
    spans: tuple[Span, ...]
    loss: float | None = None
    loader_seconds: float | None = None
    paused_seconds: float = 0.0
    rated: float | None = None
    rated_as: str | None = None

    @property
    def speed(self) -> float | None:
        """Samples/s of the whole job, the loader in and evaluations out; None where samples or seconds are missing."""
        return self.samples / self.seconds if self.samples is not None and self.seconds else None

    @property
    def compute_speed(self) -> float | None:
        """Samples/s without the time spent waiting for the loader; None where that was not reported or is nonsense."""
        if self.samples is None or self.seconds is None or self.loader_seconds is None:
            return None
        if not 0 <= self.loader_seconds < self.seconds:
            return None
        return self.samples / (self.seconds - self.loader_seconds)

    @property
    def short(self) -> bool:
        """Whether it is shorter than the method asks, as far as its steps and seconds are known."""
        if self.steps and self.seconds and self.seconds / self.steps * SEGMENT_STEPS > LONG_SEGMENT_SECONDS:
            return self.steps < LONG_SEGMENT_STEPS or self.seconds < LONG_SEGMENT_SECONDS
        few = self.steps is not None and self.steps < SEGMENT_STEPS
        return few or (self.seconds is not None and self.seconds < SEGMENT_SECONDS)


class Breaks:
    """When evaluations interrupted training, looked up in no more time than there are to find."""

    def __init__(self, evaluations: Sequence[Evaluation]) -> None:
        self._cuts = merged((event.t - event.seconds, event.t) for event in evaluations if event.seconds)
        self._untimed = sorted(event.t for event in evaluations if event.seconds is None)

    def cuts(self, begin: float, end: float) -> tuple[Span, ...]:
        """Those that say how long they took, as far as they reach into the time from `begin` to `end`."""
        first = bisect_right(self._cuts, begin, key=lambda span: span[1])
        return self._cuts[first : bisect_left(self._cuts, end, key=lambda span: span[0])]

    def untimed(self, begin: float, end: float) -> list[float]:
        """The ends of those that do not, after `begin` and up to `end`."""
        return self._untimed[bisect_right(self._untimed, begin) : bisect_right(self._untimed, end)]


def timed(segment: Segment, begin: float | None, breaks: Breaks, *, stamped: bool = True) -> TimedSegment:
    """The segment with its spans.

    begin: the border before it, None where nobody reported it. stamped: whether its `t` is an instant at all.
    """
    spans = _spans(segment, begin, breaks) if stamped and segment.seconds is not None else ()
    return TimedSegment(
        index=segment.index,
        samples=segment.samples,
        seconds=segment.seconds,
        steps=segment.steps,
        ended=segment.t,
        spans=spans,
        loss=segment.loss,
        loader_seconds=segment.loader_seconds,
        paused_seconds=segment.paused_seconds or 0.0,
        rated=segment.rated,
        rated_as=segment.rated_as,
    )


def _spans(segment: Segment, begin: float | None, breaks: Breaks) -> tuple[Span, ...]:
    """When a segment trained whose seconds are known."""
    seconds = segment.seconds or 0.0
    bounds = (-math.inf if begin is None else begin, segment.t)
    cuts = breaks.cuts(*bounds)
    untimed = breaks.untimed(*bounds)
    if untimed and begin is not None:
        # An evaluation that does not say how long it took gets its share of the time that nothing else explains.
        training = duration(without([bounds], cuts))
        each = max(0.0, training - seconds - (segment.paused_seconds or 0.0)) / len(untimed)
        cuts += tuple((t - each, t) for t in untimed)
    return within(last_seconds(without([bounds], cuts), seconds), bounds)
