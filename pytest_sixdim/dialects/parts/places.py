"""How far training has come, as its lines number steps and epochs."""

from __future__ import annotations

import math
from typing import NamedTuple

from pytest_sixdim.core.events import LARGEST_COUNT, EventError
from pytest_sixdim.dialects.parts.expressions import Captured, count, number


class Reached(NamedTuple):
    """What was trained since the last report: `steps` (None where nobody knows) and whole `epochs`.

    unknown: nobody knows how many steps lie between: it is the first number of a step, or they were counted anew.
    """

    steps: int | None
    epochs: int
    unknown: bool = False


class Places:
    """Follows the numbers of steps and epochs.

    Attributes:
        epoch: the last that any line named.
    """

    def __init__(self, steps_per_epoch: int | None = None, steps_per_report: int | None = None) -> None:
        """steps_per_epoch: where steps are counted anew in each. steps_per_report: where no line counts any."""
        self.epoch: float | None = None
        self._step: int | None = None  # the last that any line named
        self._steps_per_epoch = steps_per_epoch
        self._steps_per_report = steps_per_report
        self._last_epoch: int | None = None  # of the last report
        self._last_step: int | None = None

    def note(self, captured: Captured) -> None:
        """A line named them. Raises EventError for what cannot be one."""
        epoch, step = _epoch(captured), count(captured, "step")
        self.epoch = self.epoch if epoch is None else epoch
        self._step = self._step if step is None else step

    def step_of(self, captured: Captured) -> int | None:
        """The step that a line stands at: its own, else the last one where no epochs are named, for steps may be
        counted anew in each."""
        own = count(captured, "step")
        return self._step if own is None and self.epoch is None else own

    def is_ahead(self, captured: Captured) -> bool:
        """Whether a line names an epoch that no line has reported yet."""
        epoch = _epoch(captured)
        return epoch is not None and (self._last_epoch is None or math.floor(epoch) > self._last_epoch)

    def reached(self, captured: Captured) -> Reached:
        """A line reports training up to here. Raises EventError for what cannot be a step or an epoch."""
        epoch, step, steps = _epoch(captured), count(captured, "step"), count(captured, "steps")
        if step is not None and self._steps_per_epoch is not None and step > self._steps_per_epoch:
            raise EventError(f"step {step} of an epoch of {self._steps_per_epoch} steps (steps_per_epoch)")
        epochs = self._epochs(epoch, step)
        if steps is None and step is not None:
            steps = self._between(step, None if epoch is None else epochs)
            if steps is None:
                self._take(epoch, step)
                return Reached(None, epochs, unknown=True)
        if steps is None and step is None:
            steps = self._steps_per_report
        if steps is None and step is None and epochs and self._steps_per_epoch is not None:
            steps = epochs * self._steps_per_epoch
        self._take(epoch, step)
        return Reached(steps, epochs)

    def _take(self, epoch: float | None, step: int | None) -> None:
        if epoch is not None:
            self._last_epoch = math.floor(epoch)
        if step is not None:
            self._last_step = step

    def _epochs(self, epoch: float | None, step: int | None) -> int:
        """Whole epochs since the last report; the first report that names no step is of one."""
        if epoch is None:
            return 0
        if self._last_epoch is None:
            return int(step is None)
        return max(0, math.floor(epoch) - self._last_epoch)

    def _between(self, step: int, epochs: int | None) -> int | None:
        """Steps since the last report; None where nobody knows.

        epochs: since then; None where the line names none. A smaller step, or the same, is then one of the next epoch.
        """
        if self._last_step is None:
            return None
        passed = step - self._last_step
        if self._steps_per_epoch is not None:
            passed += self._steps_per_epoch * (int(passed <= 0) if epochs is None else epochs)
        return passed if passed > 0 else None


def _epoch(captured: Captured) -> float | None:
    epoch = number(captured, "epoch")
    if epoch is not None and not 0 <= epoch < LARGEST_COUNT:
        raise EventError(f"group 'epoch' captures {captured['epoch']!r:.60}, which is no epoch")
    return epoch
