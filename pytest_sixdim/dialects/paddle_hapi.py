"""`paddle.Model.fit`: `step 10/23 - loss: 0.2007 - acc: 0.9422 - 2ms/step`, verbose 1 and 2 (docs/logs.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pytest_sixdim.core.events import Event
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.epoch_steps import EpochSteps, exact_seconds
from pytest_sixdim.dialects.parts.figures import COUNT, METRIC_OPTIONS, NUMBER, MetricChoice, instant, progress
from pytest_sixdim.dialects.parts.option_values import whole
from pytest_sixdim.dialects.stretches import Stretch, Stretches

EPOCH = re.compile(rf"^\s*Epoch ({COUNT})/{COUNT}\s*$", re.ASCII)
STEP = re.compile(rf"^\s*step +({COUNT})(?:/({COUNT}))?( \[[=>.]{{1,200}}\])?( - .*)$", re.ASCII)
FIGURE = re.compile(rf" - ([A-Za-z]\w{{0,60}}): ({NUMBER})(?= |$)", re.ASCII)
EACH = re.compile(r" - (\d{1,12})(us|ms|s)/step", re.ASCII)
OTHER = re.compile(r"^\s*(Eval|Predict) begin")
EVALUATED = re.compile(rf"^\s*(Eval|Predict) samples: ({COUNT})", re.ASCII)
SAVED = "save checkpoint at"


class PaddleHapiDialect:
    """Reads what the progress bar prints on rank 0.

    Its time per step is rounded to three digits at best, often to one, so live the time between two lines is measured.
    In a recorded log an epoch is known by that time, where it is rounded by less than 1 %.
    """

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "samples_per_epoch": "samples of an epoch, of the whole job, where its last batch is smaller",
        **METRIC_OPTIONS,
    }
    reports_end = False
    stream = "stdout"

    def __init__(
        self,
        job: Job | None = None,
        *,
        samples_per_epoch: int | None = None,
        metric: str | None = None,
        scale: float | None = None,
    ) -> None:
        """Raises OptionError."""
        self._job = job or Job()
        self._metric = MetricChoice(self._job, metric, scale)
        self._stretches = Stretches(self._job)
        self._steps = EpochSteps(self._job, whole("samples_per_epoch", samples_per_epoch))
        self._epoch = 0
        self._closed = True  # whether nothing was trained since an epoch ended or began
        self._printed: float | None = None  # when the next bar was (verbose=1); None before the first of an epoch
        self._evaluation: dict[str, str] | None = None  # the figures of the evaluation under way

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        t = instant(line, self._job, seen)
        if match := STEP.match(line):
            if self._evaluation is None:
                yield from self._train(match, t, seen, rank)
            else:
                self._evaluation = dict(FIGURE.findall(match[4]))
        elif match := EPOCH.match(line):
            self._epoch, self._evaluation = int(match[1]), None
            self._printed = None
            self._steps.begin()
            self._stretches.began(t)
        elif OTHER.match(line):
            self._evaluation = {}
            if self._closed:
                self._stretches.paused(t)
        elif match := EVALUATED.match(line):
            yield from self._end_evaluation(match, t, seen, rank)
        elif SAVED in line and self._closed:
            self._stretches.paused(t)

    def _train(self, match: re.Match[str], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        step, length = int(match[1]), None if match[2] is None else int(match[2])
        figures: dict[str, str] = dict(FIGURE.findall(match[4]))
        if step <= self._steps.done:  # the last line of an epoch comes twice where its step is due anyway
            return
        past = None if length is None else max(0, self._epoch - 1) * length + step
        sign = progress(t=t, seen=seen, rank=rank, epoch=self._epoch, step=past, loss=figures.get("loss"))
        yield sign
        self._closed = step == length
        seconds = None
        if self._job.recorded:
            if not self._closed:
                return
            each = EACH.search(match[4])
            seconds = None if each is None else exact_seconds(each[1], each[2], times=step)
        elif match[3] and not self._closed:  # a bar is a line only once the next one comes
            printed, self._printed = self._printed, t
            if printed is None:
                return
            t = seen = printed
        steps, samples = self._steps.advance(step, length)
        yield from self._stretches.trained(
            Stretch(
                t=t,
                seen=seen,
                rank=rank,
                steps=steps,
                samples=samples,
                epochs=int(self._closed),
                seconds=seconds,
                loss=sign.loss,
            )
        )

    def _end_evaluation(self, match: re.Match[str], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        figures, self._evaluation = self._evaluation, None
        if match[1] == "Eval" and figures is not None:
            seconds = self._stretches.evaluated(t, alone=self._closed)
            at: dict[str, Any] = {"t": t, "seen": seen, "rank": rank, "epoch": self._epoch}
            yield from self._metric.evaluations(figures, **at, samples=int(match[2]), seconds=seconds)
        elif self._closed:
            self._stretches.paused(t)
