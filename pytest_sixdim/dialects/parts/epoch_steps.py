"""Steps and samples between two lines of a program that counts the steps of an epoch."""

from __future__ import annotations

from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import seconds_of

#: A duration that is printed as a smaller number is rounded by more than 1 %.
EXACT = 50


def exact_seconds(text: str, unit: str, *, times: int = 1) -> float | None:
    """A duration that is printed as a whole number of `unit` (s, ms, us), `times` over, s; None where rounding may have
    changed it by more than 1 %. Raises EventError."""
    return seconds_of(text, unit) * times if int(text) >= EXACT else None


class EpochSteps:
    """How far an epoch has come.

    Attributes:
        done: steps of this epoch that were reported.
    """

    def __init__(self, job: Job, samples_per_epoch: int | None) -> None:
        self._batch = job.global_batch_size
        self._samples = samples_per_epoch
        self.done = 0

    def begin(self) -> None:
        """The next epoch begins."""
        self.done = 0

    def advance(self, step: int, length: int | None) -> tuple[int, int | None]:
        """Steps and samples since the last report, now that `step` of `length` are done; samples None where nobody
        knows. The last batch has what is left of an epoch."""
        before, self.done = self.done, step
        if self._batch is None:
            return step - before, None
        counted = self._samples is not None and length is not None and (length - 1) * self._batch < self._samples
        first, last = before * self._batch, step * self._batch
        if counted and self._samples is not None:
            first, last = min(first, self._samples), min(last, self._samples)
        return step - before, last - first
