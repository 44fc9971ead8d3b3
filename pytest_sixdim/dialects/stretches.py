"""From what a program says of its training, stretch by stretch, to the end of warm-up and equal segments.

A program that nobody wrote for this project reports when it likes: every so many steps, or every epoch. A stretch is
what lies between two reports; stretches are joined into segments as the case's `measure` asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pytest_sixdim.core.baseline import SpeedKind
from pytest_sixdim.core.events import Event, Segment, WarmupEnd
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.lengths import SegmentLength, WarmUp
from pytest_sixdim.dialects.parts.stretch import Stretch, Sum, positive

__all__ = ["Stretch", "Stretches"]


class Stretches:
    """Joins stretches into segments, after warm-up.

    rated_as: the kind of the speeds that the program prints.
    """

    def __init__(self, job: Job, *, rated_as: SpeedKind = "train") -> None:
        self._job = job
        self._rated_as = rated_as
        self._last: float | None = None  # the last report, or when training began or went on
        self._cut = 0.0  # seconds since then that were no training
        self._untimed = False  # since then came an evaluation of unknown length
        self._ever_timed = False  # whether the length of any stretch was known
        self._paused = 0.0  # seconds since the last border that were neither training nor evaluation
        self._warmup: WarmUp | None = WarmUp(job.measure, job.thermal)
        self._length = SegmentLength(job.measure)
        self._sum = Sum()  # of the segment under way
        self._index = 0

    def began(self, t: float | None) -> None:
        """Training begins or goes on at `t` (None: nobody knows): what passed since the last report counts for
        nothing."""
        if t is not None and self._last is not None and not self._untimed:
            self._paused += max(0.0, t - self._last - self._cut)
        self._last, self._cut, self._untimed = t, 0.0, False

    def paused(self, t: float | None) -> None:
        """Until `t` nothing was trained since the last report, and nothing evaluated but what `evaluated` was told of:
        the program saved what it has."""
        if t is not None and self._last is not None and t > self._last + self._cut:
            self.began(t)

    def broke(self, seconds: float) -> None:
        """So many seconds since the last report were neither training nor evaluation: saving."""
        if (known := positive(seconds)) is not None:
            self._cut += known
            self._paused += known

    def evaluated(self, t: float | None, seconds: float | None = None, *, alone: bool = False) -> float | None:
        """An evaluation ended at `t` after `seconds`; returns them, None where nobody knows. What is returned goes into
        the evaluation's event, which explains the time.

        alone: nothing was trained since the last report; where the program does not say how long it took, it took the
        time since then. Of any other untimed one nobody knows how much of the time since the last report it took.
        """
        if seconds is None and alone and t is not None and self._last is not None:
            seconds = max(0.0, t - self._last - self._cut)
        if seconds is None or not math.isfinite(seconds) or seconds < 0:
            self._untimed = True
            return None
        self._cut += seconds
        return seconds

    def trained(self, stretch: Stretch) -> Iterator[Event]:
        """Take the next stretch; the events that it gives: the end of warm-up, a segment.

        A stretch of unknown length counts as warm-up only: later it is left out, as a pause. Where none was ever timed,
        as an evaluation of unknown length lies in each, what the program prints of its speed counts. Reports that the
        agent read at once, or that have the same stamp, count together.
        """
        begin, cut, seconds, samples = self._last, self._cut, self._seconds(stretch), self._samples(stretch)
        timeless = stretch.t is None or (begin is not None and self._untimed and not self._ever_timed)
        known = seconds is not None or (timeless and positive(stretch.rated) is not None)
        self._ever_timed = self._ever_timed or seconds is not None
        if not known and self._warmup is None:
            self.began(stretch.t)
            return
        self._last, self._cut, self._untimed = stretch.t, 0.0, False
        if self._warmup is not None:
            if not (self._warmup.is_none and known):
                if self._warmup.take(stretch, samples, seconds):
                    yield self._end_warmup(self._warmup, stretch, stretch.t)
                return
            if begin is None and seconds is not None and stretch.t is not None:
                begin = stretch.t - seconds - cut
            yield self._end_warmup(self._warmup, stretch, begin)
        self._sum.add(stretch, samples, seconds)
        if not self._sum.tells:
            self._paused += self._sum.seconds or 0.0
            self._sum = Sum()
        elif self._length.is_complete(self._sum):
            yield self._end_segment(stretch)

    def _seconds(self, stretch: Stretch) -> float | None:
        """Seconds of training in a stretch; None where nobody knows."""
        seconds = stretch.seconds
        if seconds is None and stretch.t is not None and self._last is not None and not self._untimed:
            seconds = stretch.t - self._last - self._cut
        return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None

    def _samples(self, stretch: Stretch) -> int | None:
        batch = self._job.global_batch_size
        if stretch.samples is not None or stretch.steps is None or batch is None:
            return stretch.samples
        return stretch.steps * batch

    def _end_warmup(self, done: WarmUp, stretch: Stretch, t: float | None) -> Event:
        """Warm-up ended at `t`, which may lie before the stretch: the agent's clock then runs beside the program's."""
        self._warmup, self._paused = None, 0.0
        at = stretch.seen if t is None else t
        earlier = 0.0 if t is None or stretch.t is None else stretch.t - t
        return WarmupEnd(
            t=at,
            seen=stretch.seen - earlier,
            rank=stretch.rank,
            step=done.steps,
            steady=done.steady,
            seconds=done.seconds,
            rise=done.rise,
        )

    def _end_segment(self, stretch: Stretch) -> Event:
        done, paused = self._sum, self._paused
        self._length.fix(done)
        self._sum, self._paused = Sum(), 0.0
        self._index += 1
        loss = stretch.loss if stretch.loss is not None and math.isfinite(stretch.loss) else None
        return Segment(
            t=stretch.seen if stretch.t is None else stretch.t,
            seen=stretch.seen,
            rank=stretch.rank,
            diverged=stretch.loss is not None and loss is None,
            index=self._index,
            samples=done.samples,
            seconds=done.seconds,
            steps=done.steps,
            rated=done.rated,
            rated_as=None if done.rated is None else self._rated_as,
            reports=done.reports,
            loss=loss,
            loader_seconds=done.loader_seconds,
            paused_seconds=paused or None,
        )
