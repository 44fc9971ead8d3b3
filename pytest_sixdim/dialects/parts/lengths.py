"""How long warm-up and a segment are, where they are joined from a program's reports (docs/method.md, "Words")."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from pytest_sixdim.core.case import Measure
from pytest_sixdim.dialects.parts.stretch import Stretch, Sum

#: Warm-up is steady when the speeds of its last three segments differ by at most this share.
AGREEMENT = 0.01
#: Seconds of training after which warm-up ends, steady or not; where nobody knows them, segments.
WARMUP_LIMIT, WARMUP_SEGMENTS = 600.0, 10
#: A segment of so many seconds and steps is long enough, however many steps were asked for.
LONG_SECONDS, LONG_STEPS = 120.0, 10
#: The first segment lasts this much longer than it must: the others have as many steps and may be a little faster.
MARGIN = 1.05
#: A card that grew this much warmer in the last minute (degC) is not warmed up. A file older than the latter (s) counts
#: as none.
WARMING, THERMAL_AGE = 1.0, 5.0


class SegmentLength:
    """When a segment is complete. The first counted one fixes how long all are."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._first: Sum | None = None

    def is_complete(self, done: Sum) -> bool:
        """Whether that is a segment. One whose time is known has taken some."""
        if done.seconds is not None and done.seconds <= 0:
            return False
        if self._measure.segment_epochs is not None:
            return done.epochs >= self._measure.segment_epochs
        if self._first is None:
            return self._is_long_enough(done)
        if self._first.steps is not None and done.steps is not None:
            return done.steps >= self._first.steps
        return done.reports >= self._first.reports

    def fix(self, done: Sum) -> None:
        """The first counted segment: all others are to be as long."""
        self._first = self._first or done

    def _is_long_enough(self, done: Sum) -> bool:
        measure = self._measure
        if done.seconds is not None and done.seconds >= MARGIN * LONG_SECONDS:
            return done.steps is None or done.steps >= min(LONG_STEPS, measure.segment_steps)
        return (done.steps is None or done.steps >= measure.segment_steps) and (
            done.seconds is None or done.seconds >= MARGIN * measure.segment_seconds
        )


class WarmUp:
    """Decides when warm-up is over.

    thermal: the file that says how far the cards grew warmer; None without one.

    Attributes:
        steps: reported so far; None where a report does not say.
        seconds: of training so far, as far as they are known; None where none are.
        steady: whether the last three segments agreed; None for a fixed warm-up.
        rise: of a card's temperature over the last minute, degC; None where nobody knows.
    """

    def __init__(self, measure: Measure, thermal: str | None) -> None:
        self._measure = measure
        self._thermal = thermal
        self._length = SegmentLength(measure)
        self._done, self._segment = Sum(), Sum()
        self._speeds: list[float] = []
        self._segments = 0
        self.seconds: float | None = None
        self.steady: bool | None = None
        self.rise: float | None = None

    @property
    def steps(self) -> int | None:
        """See the class."""
        return self._done.steps

    @property
    def is_none(self) -> bool:
        """Whether the case asks for none at all."""
        asked = self._measure
        least = asked.warmup_steps if asked.warmup_epochs is None else asked.warmup_epochs
        return least == 0 and not asked.steady

    def take(self, stretch: Stretch, samples: int | None, seconds: float | None) -> bool:
        """Takes note of the next stretch; returns whether warm-up is over."""
        counted = self._is_counted()
        self._done.add(stretch, samples, seconds)
        if seconds is not None:
            self.seconds = seconds + (self.seconds or 0.0)
        if not self._measure.steady:
            return self._is_counted()
        return counted and self._is_steady(stretch, samples, seconds)

    def _is_counted(self) -> bool:
        """Whether the case's warm-up steps, or epochs, are done; without either, one report."""
        measure, done = self._measure, self._done
        if measure.warmup_epochs is not None:
            return done.epochs >= measure.warmup_epochs
        if done.steps is not None:
            return done.steps >= measure.warmup_steps
        return done.reports > 0

    def _is_steady(self, stretch: Stretch, samples: int | None, seconds: float | None) -> bool:
        self._segment.add(stretch, samples, seconds)
        if not self._length.is_complete(self._segment):
            return False
        speed, self._segment = self._segment.speed, Sum()
        self._segments += 1
        if speed is not None:
            self._speeds = [*self._speeds[-2:], speed]
        rise = self._read_rise()
        self.rise = None if rise is None or math.isinf(rise) else rise
        self.steady = len(self._speeds) == 3 and max(self._speeds) <= min(self._speeds) * (1 + AGREEMENT)
        cool = rise is None or rise < WARMING
        limit = self._segments >= WARMUP_SEGMENTS if self.seconds is None else self.seconds >= WARMUP_LIMIT
        return (self.steady and cool) or limit

    def _read_rise(self) -> float | None:
        """Of a card's temperature over the last minute, degC: infinite while no minute has passed; None where nobody
        says."""
        if self._thermal is None:
            return None
        try:
            told = json.loads(Path(self._thermal).read_bytes())
            age = time.monotonic() - told["t"]
            rise = told.get("rise")
            return None if not 0 <= age < THERMAL_AGE else math.inf if rise is None else float(rise)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
