"""When warm-up is over, and how long a segment is."""

from __future__ import annotations

import math
from typing import NamedTuple

#: Warm-up is steady when the speeds of its last three segments differ by at most this share.
AGREEMENT = 0.01
#: A card that grew this much warmer in the last minute (degC) is not warmed up.
WARMING = 1.0
#: Seconds of training after which warm-up ends, steady or not.
WARMUP_LIMIT = 600.0
#: Segments are planned this much longer than asked for, because a step time is an estimate.
MARGIN = 1.05
#: A segment whose steps take longer than LONG_SECONDS has only as many as fill that time, but LONG_STEPS at least.
LONG_SECONDS, LONG_STEPS = 120.0, 10


class Measure(NamedTuple):
    """Warm-up and segments, as a case asks for them; `segment_seconds` is the least that a segment lasts."""

    warmup_steps: int = 50
    steady: bool = True
    segment_steps: int = 50
    segment_seconds: float = 6.0
    segments: int = 5

    def steps(self, step_seconds: float) -> int:
        """Steps of a segment where a step takes `step_seconds`."""
        steps = self.segment_steps
        if steps * step_seconds > LONG_SECONDS:
            steps = min(steps, max(LONG_STEPS, math.ceil(MARGIN * LONG_SECONDS / step_seconds)))
        return max(steps, math.ceil(MARGIN * self.segment_seconds / step_seconds))


#: By hand a run is for looking at: a fixed warm-up and short segments.
BY_HAND = Measure(steady=False, segment_seconds=1.0)


class WarmUp:
    """Decides when warm-up is over, and how many steps a segment then has; the same on every rank.

    The first half of the warm-up steps compiles and tunes; the second half gives the time of a step. A steady warm-up
    then goes on in segments until three in a row agree and no card grows warmer.

    Attributes:
        steps: of the stretch under way; once warm-up is over, of every segment.
        steady: whether the last three segments agreed; None for a fixed warm-up.
        rise: of a card's temperature over the last minute, degC; infinite while no minute has passed, -infinite where
            no card has a thermometer.
        seconds: training time so far.
    """

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self.steps = max(1, measure.warmup_steps // 2)
        self.steady: bool | None = None
        self.rise = -math.inf
        self.seconds = 0.0
        self.over = False
        self._stretches = 0
        self._speeds: list[float] = []

    def stretch(self, seconds: float, samples: int, rise: float = -math.inf) -> bool:
        """Takes note that `self.steps` steps of all ranks took `seconds` for `samples`; returns whether it is over."""
        self.seconds += seconds
        self.rise = rise
        self._stretches += 1
        if self._stretches == 1:
            self.steps = max(1, self.measure.warmup_steps - self.steps)
            return False
        if self._stretches > 2:
            self._speeds.append(samples / seconds)
        self.steps = self.measure.steps(seconds / self.steps)
        if self.measure.steady:
            last = self._speeds[-3:]
            self.steady = len(last) == 3 and max(last) <= min(last) * (1 + AGREEMENT)
        ready = self.steady is None or (self.steady and rise < WARMING)
        self.over = ready or self.seconds >= WARMUP_LIMIT
        return self.over
