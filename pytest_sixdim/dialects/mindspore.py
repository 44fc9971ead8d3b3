"""MindSpore: LossMonitor, TimeMonitor, `Model.fit`, and the lines of MindCV (docs/logs.md)."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pytest_sixdim.core.events import LARGEST_COUNT, Event, EventError
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import (
    COUNT,
    METRIC_OPTIONS,
    NUMBER,
    MetricChoice,
    instant,
    progress,
    seconds_of,
)
from pytest_sixdim.dialects.parts.mindcv import MindCV
from pytest_sixdim.dialects.parts.option_values import one_of
from pytest_sixdim.dialects.stretches import Stretch, Stretches

LOSS = re.compile(rf"epoch: ({COUNT}) step: ({COUNT}), loss is ({NUMBER})", re.ASCII)
TIME = re.compile(
    rf"[Ee]poch time: ({NUMBER}) ?(ms|s), per step time: ({NUMBER}) ?(ms|s)(?: \(data time: ({NUMBER}) ms\))?", re.ASCII
)
#: What stands before it after an evaluation.
OF_EVALUATION = "eval "
EVALUATION = re.compile(rf"Eval result: epoch:? ({COUNT}), metrics: (\{{.*\}}|\{{.*)", re.ASCII)
#: Characters of the mapping in an evaluation, and metrics in it.
LONGEST_MAPPING, MOST_METRICS = 4000, 100


class MindSporeDialect:
    """Reads what MindSpore's callbacks print on every rank; of MindCV's logger too.

    Where the case measures whole epochs, and in a recorded log, an epoch lasts as long as TimeMonitor says; else steps
    are timed by when LossMonitor printed them. Of an epoch in which `Model.fit` evaluated, TimeMonitor's training time
    is void (MindSpore 2.10): the evaluation restarts its clock.
    """

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "unit": "ms or s: what TimeMonitor's figures are, whatever is printed behind them",
        **METRIC_OPTIONS,
    }
    reports_end = False

    def __init__(
        self, job: Job | None = None, *, unit: str | None = None, metric: str | None = None, scale: float | None = None
    ) -> None:
        """Raises OptionError."""
        self._job = job or Job()
        self._unit: str | None = one_of("unit", unit, ("ms", "s"))
        self._metric = MetricChoice(self._job, metric, scale)
        self._stretches = Stretches(self._job)
        self._mindcv = MindCV(self._metric, self._stretches)
        measure = self._job.measure
        self._by_step = not (self._job.recorded or measure.segment_epochs or measure.warmup_epochs)
        self._length: int | None = None  # steps of an epoch
        self._at: tuple[int, int] | None = None  # epoch and step of LossMonitor's last line; None between epochs
        self._evaluation: float | None = None  # seconds of an evaluation whose result is still to come
        self._void = False  # whether the training time of this epoch is
        self._closed = False  # whether nothing was trained since the end of an epoch
        self._loss: float | None = None

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        t = instant(line, self._job, seen)
        if match := LOSS.search(line):
            yield from self._read_loss(match, t, seen, rank)
        elif match := TIME.search(line):
            yield from self._read_time(match, t, seen, rank)
        elif match := EVALUATION.search(line):
            yield from self._read_evaluation(match, t, seen, rank)
        else:
            yield from self._mindcv.read(line, t=t, seen=seen, rank=rank)

    def _read_loss(self, match: re.Match[str], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        epoch, step = int(match[1]), int(match[2])
        past = None if epoch > 1 and self._length is None else (epoch - 1) * (self._length or 0)
        sign = progress(
            t=t, seen=seen, rank=rank, epoch=epoch, step=None if past is None else past + step, loss=match[3]
        )
        yield sign
        steps = self._steps_since(epoch, step)
        self._at, self._loss, self._closed = (epoch, step), sign.loss, False
        if not self._by_step:
            return
        if steps is None:
            self._stretches.began(t)
        else:
            yield from self._stretches.trained(Stretch(t=t, seen=seen, rank=rank, steps=steps, loss=sign.loss))

    def _steps_since(self, epoch: int, step: int) -> int | None:
        """Steps since LossMonitor's last line, or since the epoch began; None where nobody knows."""
        if self._at is None:
            return step
        if epoch == self._at[0] and step > self._at[1]:
            return step - self._at[1]
        # Without TimeMonitor: LossMonitor counts across epochs, so the same step of the next one is the last of both.
        return step if (epoch - 1, step) == self._at else None

    def _read_time(self, match: re.Match[str], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        whole, whole_unit, each, each_unit, fetch = match.groups()
        unit = self._unit or whole_unit
        seconds, step_seconds = seconds_of(whole, unit), seconds_of(each, self._unit or each_unit)
        steps = self._steps_in(match[0], seconds, step_seconds, seconds_of("1", unit) * _rounding(each))
        if match.string[: match.start()].lower().endswith(OF_EVALUATION):
            self._evaluation, self._void = seconds, True
            return
        done = self._at[1] if self._at is not None else 0
        if steps is not None and done > steps:
            raise EventError(f"{match[0]:.200}: these are {steps} steps, but LossMonitor counted {done}")
        if self._evaluation is not None:
            self._stretches.broke(self._evaluation)
        timed = not self._by_step and not self._void
        rest = None if steps is None else steps - (done if self._by_step else 0)
        batch = self._job.global_batch_size
        stretch = Stretch(
            t=t,
            seen=seen,
            rank=rank,
            steps=rest,
            epochs=1,
            seconds=seconds if timed else None,
            rated=batch / step_seconds if timed and steps is None and batch and step_seconds else None,
            loader_seconds=seconds_of(fetch, "ms") * steps if fetch and steps and timed else None,
            loss=self._loss,
        )
        self._length, self._at, self._evaluation, self._void, self._closed = steps, None, None, False, True
        yield from self._stretches.trained(stretch)

    def _steps_in(self, said: str, seconds: float, step_seconds: float, rounding: float) -> int | None:
        """Steps of an epoch, from its time and that of a step, which is rounded; None where they do not tell.

        Raises EventError where no whole number of steps takes so long.
        """
        shortest, longest = step_seconds - rounding, step_seconds + rounding
        if shortest <= 0:
            return self._length
        if seconds > LARGEST_COUNT * shortest:
            raise EventError(f"{said:.200}: no epoch has so many steps")
        fewest, most = math.ceil((seconds - rounding) / longest), math.floor((seconds + rounding) / shortest)
        if fewest > most:
            raise EventError(
                f"{said:.200}: the epoch's time is {seconds / step_seconds:.2f} x that of a step, no whole number"
            )
        if self._length is not None and fewest <= self._length <= most:
            return self._length
        return fewest if fewest == most else None

    def _read_evaluation(self, match: re.Match[str], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        seconds = self._stretches.evaluated(t, self._evaluation, alone=self._closed)
        self._evaluation = None
        figures = _mapping(match[2])
        yield from self._metric.evaluations(figures, t=t, seen=seen, rank=rank, epoch=int(match[1]), seconds=seconds)


def _rounding(text: str) -> float:
    """Half of the last digit of a number as it is printed."""
    return 0.5 * 10.0 ** -len(text.partition(".")[2].partition("e")[0])


def _mapping(text: str) -> dict[str, str]:
    """The figures of a Python dictionary, as text. Raises EventError."""
    if len(text) > LONGEST_MAPPING:
        raise EventError(f"metrics of {len(text)} characters; at most {LONGEST_MAPPING} are read")
    readable = re.sub(r"(?<![\w'\"])(nan|inf)(?![\w'\"])", r"'\1'", text)
    try:
        mapping = ast.literal_eval(readable)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise EventError(f"no dictionary of metrics: {text:.80}") from None
    if not isinstance(mapping, dict) or len(mapping) > MOST_METRICS:
        raise EventError(f"no dictionary of at most {MOST_METRICS} metrics: {text:.80}")
    return {str(name): str(value) for name, value in mapping.items()}
