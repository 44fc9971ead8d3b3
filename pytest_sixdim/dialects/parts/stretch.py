"""What a program trained between two of its reports, and several such stretches together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

Amount = TypeVar("Amount", int, float)


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


class Sum:
    """Stretches together. A sum is None where one of them does not say.

    Attributes:
        reports: how many stretches.
    """

    def __init__(self) -> None:
        self.reports = self.epochs = 0
        self.steps: int | None = 0
        self.samples: int | None = 0
        self.seconds: float | None = 0.0
        self.loader_seconds: float | None = 0.0
        self._is_rated = True  # every stretch; what follows is of their printed speeds, samples/s
        self._sample_seconds = 0.0  # that the samples took
        self._weighed = 0.0  # speed x seconds, together
        self._each_second = 0.0  # that one sample took in each stretch, together

    def add(self, stretch: Stretch, samples: int | None, seconds: float | None) -> None:
        """One more, of so many samples and seconds."""
        self.reports += 1
        self.epochs += stretch.epochs
        self.steps = _plus(self.steps, stretch.steps)
        self.samples = _plus(self.samples, samples)
        self.seconds = _plus(self.seconds, seconds)
        self.loader_seconds = _plus(self.loader_seconds, stretch.loader_seconds)
        rate = positive(stretch.rated)
        if rate is None:
            self._is_rated = False
        else:
            self._sample_seconds += (samples or 0) / rate
            self._weighed += rate * (seconds or 0.0)
            self._each_second += 1 / rate

    @property
    def rated(self) -> float | None:
        """The speed that the program printed, samples/s over all of it: each weighs as long as it lasted."""
        if not self._is_rated or not self.reports:
            return None
        if self.samples:
            return positive(self.samples / self._sample_seconds)
        if self.seconds:
            return positive(self._weighed / self.seconds)
        return positive(self.reports / self._each_second)

    @property
    def tells(self) -> bool:
        """Whether it says how long it took, or how fast it was by the program's own word."""
        return self.seconds is not None or self.rated is not None

    @property
    def speed(self) -> float | None:
        """What segments are compared by: samples/s, or steps/s; else what the program printed."""
        amount = self.samples or self.steps
        return amount / self.seconds if amount and self.seconds else self.rated


def positive(number: float | None) -> float | None:
    """The number where it is finite and above 0."""
    return number if number is not None and math.isfinite(number) and number > 0 else None


def _plus(total: Amount | None, more: Amount | None) -> Amount | None:
    return None if total is None or more is None else total + more
