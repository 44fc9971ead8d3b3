"""From what a program says of its training, stretch by stretch, to the end of warm-up and equal segments.

A program that nobody wrote for this project reports when it likes: every so many steps, or every epoch. A stretch is
what lies between two reports; stretches are joined into segments as the case's `measure` asks.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pytest_sixdim.core.baseline import SpeedKind
from pytest_sixdim.core.events import Event, Segment, WarmupEnd
from pytest_sixdim.dialects.job import Job

Amount = TypeVar("Amount", int, float)

#: Warm-up is steady when the speeds of its last three segments differ by at most this share.
AGREEMENT = 0.01
#: Seconds of training after which warm-up ends, steady or not.
WARMUP_LIMIT = 600.0
#: A segment of so many seconds and steps is long enough, however many steps were asked for.
LONG_SECONDS, LONG_STEPS = 120.0, 10
#: A card that grew this much warmer in the last minute (degC) is not warmed up. A file older than the latter (s) counts
#: as none.
WARMING, THERMAL_AGE = 1.0, 5.0


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """What was trained since the last report, as far as the program says it.

    Attributes:
        t: when it was reported, on the clock of the events; None where nobody knows, as in a recorded log without
            stamps.
        seen, rank: as the dialect was given them.
        steps, samples, epochs: in this stretch; samples of the whole job.
        seconds: of training in this stretch, by the program's word; None: the time since the last report counts.
        rated: the speed that the program itself prints for it, samples/s of the whole job.
        loader_seconds: waiting for the loader, of the seconds.
        loss: the last one.
    """

    t: float | None
    seen: float
    rank: int = 0
    steps: int | None = None
    samples: int | None = None
    epochs: int = 0
    seconds: float | None = None
    rated: float | None = None
    loader_seconds: float | None = None
    loss: float | None = None


class Stretches:
    """Joins stretches into segments, after warm-up.

    rated_as: the kind of the speeds that the program prints.
    """

    def __init__(self, job: Job, *, rated_as: SpeedKind = "train") -> None:
        self._job = job
        self._rated_as = rated_as
        self._last: float | None = None  # the last report, or when training began or went on
        self._cut = 0.0  # seconds since then that were no training
        self._border: float | None = None  # of the last event
        self._breaks = 0.0  # seconds since that border that were no training
        self._untimed = False  # since that border came an evaluation of unknown length
        self._gap = 0.0  # seconds since that border that were dropped
        self._warmup = _Sum()
        self._sum = _Sum()  # of the segment under way, or of one of the warm-up
        self._speeds: list[float] = []
        self._warm = False
        self._index = 0

    def began(self, t: float | None) -> None:
        """Training begins or goes on at `t` (None: nobody knows). A segment under way is dropped."""
        self._drop(t)
        self._last, self._cut = t, 0.0

    def broke(self, seconds: float) -> None:
        """So many seconds since the last report were no training: an evaluation, saving."""
        self._cut += seconds
        self._breaks += seconds

    def evaluated(self, t: float | None, seconds: float | None = None, *, alone: bool = False) -> float | None:
        """An evaluation ended at `t` after `seconds`; returns them, None where nobody knows.

        alone: nothing was trained since the last report; where the program does not say how long it took, it took the
        time since then. Of any other untimed one nobody knows how much of the segment under way it took.
        """
        if seconds is None and alone and t is not None and self._last is not None:
            seconds = max(0.0, t - self._last - self._cut)
        if seconds is not None:
            self.broke(seconds)
        elif not alone:
            self._untimed = True
            self.began(None)
        return seconds

    def trained(self, stretch: Stretch) -> Iterator[Event]:
        """Take the next stretch; the events that it gives: the end of warm-up, a segment.

        A stretch of which neither time nor speed is known counts as warm-up only; else the next one begins where it
        ends.
        """
        begin, cut, seconds = self._last, self._cut, self._seconds(stretch)
        samples = self._samples(stretch)
        self._last, self._cut = stretch.t, 0.0
        known = seconds is not None or _positive(stretch.rated) is not None
        if not self._warm and self._asks_no_warmup() and known:
            if begin is None and seconds is not None and stretch.t is not None:
                begin = stretch.t - seconds - cut
            yield self._end_warmup(stretch, begin, None, None)
        if not self._warm:
            yield from self._warm_up(stretch, samples, seconds)
            return
        if not known:
            self._drop(stretch.t)
            return
        self._sum.add(stretch, samples, seconds)
        if self._is_full():
            yield self._end_segment(stretch)

    def _seconds(self, stretch: Stretch) -> float | None:
        """Seconds of training in a stretch; None where nobody knows."""
        if stretch.seconds is not None:
            return _positive(stretch.seconds)
        if stretch.t is None or self._last is None:
            return None
        return _positive(stretch.t - self._last - self._cut)

    def _samples(self, stretch: Stretch) -> int | None:
        batch = self._job.global_batch_size
        if stretch.samples is not None or stretch.steps is None or batch is None:
            return stretch.samples
        return stretch.steps * batch

    def _asks_no_warmup(self) -> bool:
        measure = self._job.measure
        return not measure.steady and (
            measure.warmup_epochs == 0 if measure.warmup_epochs is not None else measure.warmup_steps == 0
        )

    def _warm_up(self, stretch: Stretch, samples: int | None, seconds: float | None) -> Iterator[Event]:
        measure, counted = self._job.measure, self._counted()
        self._warmup.add(stretch, samples, seconds)
        if not counted:
            if self._counted() and not measure.steady:
                yield self._end_warmup(stretch, stretch.t, None, None)
            return
        self._sum.add(stretch, samples, seconds)
        if not self._is_full():
            return
        speed = self._sum.speed
        self._sum = _Sum()
        if speed is not None:
            self._speeds = [*self._speeds[-2:], speed]
        rise = self._rise()
        steady = len(self._speeds) == 3 and max(self._speeds) <= min(self._speeds) * (1 + AGREEMENT)
        if (steady and (rise is None or rise < WARMING)) or (self._warmup.seconds or 0.0) >= WARMUP_LIMIT:
            yield self._end_warmup(stretch, stretch.t, steady, rise)

    def _counted(self) -> bool:
        """Whether the case's warm-up steps, or epochs, are done; without either, one report."""
        measure, done = self._job.measure, self._warmup
        if measure.warmup_epochs is not None:
            return done.epochs >= measure.warmup_epochs
        if done.steps is not None:
            return done.steps >= measure.warmup_steps
        return done.reports > 0

    def _end_warmup(self, stretch: Stretch, t: float | None, steady: bool | None, rise: float | None) -> Event:
        self._warm, self._sum = True, _Sum()
        self._new_border(t)
        done = self._warmup
        return WarmupEnd(
            t=stretch.seen if t is None else t,
            seen=stretch.seen,
            rank=stretch.rank,
            step=done.steps,
            steady=steady,
            seconds=done.seconds,
            rise=None if rise is None or math.isinf(rise) else rise,
        )

    def _end_segment(self, stretch: Stretch) -> Event:
        done, paused = self._sum, self._gap
        self._sum = _Sum()
        self._new_border(stretch.t)
        self._index += 1
        return Segment(
            t=stretch.seen if stretch.t is None else stretch.t,
            seen=stretch.seen,
            rank=stretch.rank,
            index=self._index,
            samples=done.samples,
            seconds=done.seconds,
            steps=done.steps,
            rated=done.rated,
            rated_as=None if done.rated is None else self._rated_as,
            loss=stretch.loss,
            loader_seconds=done.loader_seconds,
            paused_seconds=paused or None,
        )

    def _new_border(self, t: float | None) -> None:
        self._border, self._breaks, self._gap, self._untimed = t, 0.0, 0.0, False

    def _drop(self, t: float | None) -> None:
        """Leave out the segment under way: the next one begins at `t`, and what lies between was a pause."""
        self._sum = _Sum()
        if self._border is not None and t is not None and not self._untimed:
            self._gap = max(0.0, t - self._border - self._breaks)

    def _is_full(self) -> bool:
        measure, done = self._job.measure, self._sum
        if measure.segment_epochs is not None:
            return done.epochs >= measure.segment_epochs
        if done.seconds is not None and done.seconds >= LONG_SECONDS:
            return done.steps is None or done.steps >= min(LONG_STEPS, measure.segment_steps)
        return (done.steps is None or done.steps >= measure.segment_steps) and (
            done.seconds is None or done.seconds >= measure.segment_seconds
        )

    def _rise(self) -> float | None:
        """Of a card's temperature over the last minute, degC: infinite while no minute has passed; None where nobody
        says."""
        if self._job.thermal is None:
            return None
        path = Path(self._job.thermal)
        try:
            told = json.loads(path.read_bytes())
            age = time.monotonic() - told["t"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if not 0 <= age < THERMAL_AGE:
            return None
        return math.inf if told.get("rise") is None else float(told["rise"])


class _Sum:
    """Stretches together. A sum is None where one of them does not say."""

    def __init__(self) -> None:
        self.reports = self.epochs = 0
        self.steps: int | None = 0
        self.samples: int | None = 0
        self.seconds: float | None = 0.0
        self.loader_seconds: float | None = 0.0
        self._rates: list[tuple[float, int | None, float | None]] | None = []

    def add(self, stretch: Stretch, samples: int | None, seconds: float | None) -> None:
        self.reports += 1
        self.epochs += stretch.epochs
        self.steps = _plus(self.steps, stretch.steps)
        self.samples = _plus(self.samples, samples)
        self.seconds = _plus(self.seconds, seconds)
        self.loader_seconds = _plus(self.loader_seconds, stretch.loader_seconds)
        rate = _positive(stretch.rated)
        if rate is None or self._rates is None:
            self._rates = None
        else:
            self._rates.append((rate, samples, seconds))

    @property
    def rated(self) -> float | None:
        """The speed that the program printed, over all of it: each weighs as long as it lasted."""
        if not self._rates:
            return None
        if self.samples:
            return self.samples / math.fsum((samples or 0) / rate for rate, samples, _ in self._rates)
        if self.seconds:
            return math.fsum(rate * (seconds or 0.0) for rate, _, seconds in self._rates) / self.seconds
        return len(self._rates) / math.fsum(1 / rate for rate, _, _ in self._rates)

    @property
    def speed(self) -> float | None:
        """What segments are compared by: samples/s, or steps/s; else what the program printed."""
        amount = self.samples or self.steps
        return amount / self.seconds if amount and self.seconds else self.rated


def _plus(total: Amount | None, more: Amount | None) -> Amount | None:
    return None if total is None or more is None else total + more


def _positive(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) and number > 0 else None
