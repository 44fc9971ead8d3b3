"""What STEP_END counts: steps and samples since the report before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.marked_json import count, finite, mapping

#: Samples are those of one rank where they lie within this factor of that rank's share of the steps.
NEAR = 1.25


class Steps:
    """The last report of a run.

    Attributes:
        step, epoch: as printed; None where they are not.
        trained: samples in all, of the whole job, those before a resumption too; None where nobody knows.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self.step: int | None = None
        self.epoch: float | None = None
        self.trained: int | None = None
        self.first = True
        self._samples: int | None = None
        self._epochs = 0
        self._marks_epochs = False  # whether lines say when an epoch ends
        self._factor: int | None = 1 if job.cards == 1 else None  # from printed samples to those of the whole job

    def restart(self) -> None:
        """Training begins: the next report is a starting point."""
        self.step = self.epoch = self.trained = self._samples = None
        self.first, self._epochs = True, 0

    def epoch_ended(self) -> None:
        """An epoch has ended since the last report."""
        self._epochs += 1
        self._marks_epochs = True

    def is_repeat(self, record: Mapping[str, Any]) -> bool:
        """Whether another rank has reported the same step, or a later one."""
        step, samples, epoch = _counts(record)
        if self.first:
            return False
        if step is None or self.step is None:
            return samples is not None and samples == self._samples
        restarted = self._epochs > 0 or (epoch is not None and self.epoch is not None and epoch > self.epoch)
        return step <= self.step and not restarted

    def report(self, record: Mapping[str, Any]) -> tuple[int | None, int | None, int]:
        """Take a report; returns the steps, the samples of the whole job and the epochs since the one before, None
        where nobody knows."""
        step, samples, epoch = _counts(record)
        steps = _since(self.step, step)
        more = _since(self._samples, samples)
        if more is not None:
            self._factor = self._factor_of(more, steps)
        factor, epochs = self._factor, self._epochs
        if not self._marks_epochs and epoch is not None and self.epoch is not None:
            epochs = max(0, math.floor(epoch) - math.floor(self.epoch))
        self.step, self.epoch, self._samples = step, epoch, samples
        self.trained = samples * factor if samples is not None and factor is not None else None
        self.first, self._epochs = False, 0
        return steps, more * factor if more is not None and factor is not None else None, epochs

    def _factor_of(self, samples: int, steps: int | None) -> int | None:
        """1 where they are of the whole job, the number of cards where they are of one; what it was before where
        neither batch size nor steps are there to tell."""
        batch = self._job.global_batch_size
        if self._job.cards == 1 or steps is None or batch is None:
            return self._factor
        share = samples * self._job.cards / (steps * batch)
        return self._job.cards if 1 / NEAR <= share <= NEAR else 1


def _counts(record: Mapping[str, Any]) -> tuple[int | None, int | None, float | None]:
    """Step, samples and epoch of a STEP_END."""
    value = mapping(record, "value")
    steps = (count(each) for each in (value.get("global_steps"), value.get("step"), record.get("step")))
    step = next((each for each in steps if each is not None), None)
    return step, count(value.get("num_trained_samples")), finite(value.get("epoch"))


def _since(before: int | None, now: int | None) -> int | None:
    return now - before if before is not None and now is not None and now > before else None
