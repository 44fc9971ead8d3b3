"""Keras 2 and 3, `fit` and `evaluate`, verbose 1 and 2: `23/23 - 0s - 5ms/step - accuracy: 0.9193 - loss: 0.2726`
(docs/logs.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from pytest_sixdim.core.events import Event, EventError
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.epoch_steps import EpochSteps, exact_seconds
from pytest_sixdim.dialects.parts.figures import COUNT, METRIC_OPTIONS, NUMBER, MetricChoice, figure, instant, progress
from pytest_sixdim.dialects.parts.option_values import whole
from pytest_sixdim.dialects.stretches import Stretch, Stretches

EPOCH = re.compile(rf"^\s*Epoch ({COUNT})/{COUNT}\s*$", re.ASCII)
STEP = re.compile(rf"^\s*({COUNT})/({COUNT}) (?:(\[[=>.]{{1,200}}\]|\u2501{{1,200}})|-)(.*)$", re.ASCII)
FIGURE = re.compile(rf"(?:^| )- ([A-Za-z]\w{{0,60}}): ({NUMBER})(?= |$)", re.ASCII)
EACH = re.compile(r" (\d{1,12})(us|ms|s)/step", re.ASCII)
VALIDATION = "val_"
#: What a bar may say when all steps are done and validation is not: the time to go. The line that ends the epoch says
#: the time that passed instead, which is no longer 0 s after so many seconds.
TO_GO, NO_LONGER_0 = re.compile(r" 0s | - ETA: "), 1.0


class _Line(NamedTuple):
    """A line of the progress bar."""

    step: int
    length: int
    figures: dict[str, str]
    each: tuple[str, str] | None  # the time per step, and its unit
    to_go: bool  # whether it says how long the epoch still takes
    t: float | None
    seen: float
    rank: int

    @property
    def validated(self) -> dict[str, str]:
        """The figures of the validation, under both names: val_accuracy and accuracy."""
        found = {name: value for name, value in self.figures.items() if name.startswith(VALIDATION)}
        return {**found, **{name.removeprefix(VALIDATION): value for name, value in found.items()}}


class KerasDialect:
    """Reads the progress bar of each epoch; `Epoch k/n` begins one, and what comes between epochs is evaluation.

    The line that ends an epoch comes after its validation, and its times include it. With verbose=1 training lasts till
    the last bar before it; with verbose=2 nobody knows, and the speed is one of kind `whole`. A bar is a line only once
    the next one comes, so it was printed when the line before it was read.
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
        self._stretches = Stretches(self._job, rated_as="whole")
        self._steps = EpochSteps(self._job, whole("samples_per_epoch", samples_per_epoch))
        self._epoch = 0
        self._began: float | None = None  # when the epoch did
        self._open = False  # whether an epoch is under way
        self._validates = False  # whether fit does
        self._bar: Stretch | None = None  # the last bar; whether it ends the epoch is seen from the next line
        self._printed: float | None = None  # when the next bar was; None before the first of an epoch
        self._last: tuple[int, int] | None = None  # step and length of the last line, if of a bar

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        t = instant(line, self._job, seen)
        if match := STEP.match(line):
            each = EACH.search(match[4])
            figures = dict(FIGURE.findall(match[4]))
            rate = None if each is None else (each[1], each[2])
            to_go = match[3] is not None and TO_GO.match(match[4]) is not None
            told = _Line(int(match[1]), int(match[2]), figures, rate, to_go, t, seen, rank)
            again, self._last = (told.step, told.length) == self._last, (told.step, told.length)
            if self._open and told.step < self._steps.done:
                yield from self._close()
            if self._open:
                yield from self._train(told)
            elif not again or told.validated:
                yield from self._evaluate(told)
        elif match := EPOCH.match(line):
            yield from self._close()
            self._epoch, self._began, self._open, self._last = int(match[1]), t, True, None
            self._printed = None
            self._steps.begin()
            self._stretches.began(t)

    def _train(self, line: _Line) -> Iterator[Event]:
        ends = line.step >= line.length and not self._goes_on(line)
        if ends or line.step > self._steps.done:
            yield progress(
                t=line.t,
                seen=line.seen,
                rank=line.rank,
                epoch=self._epoch,
                step=max(0, self._epoch - 1) * line.length + line.step,
                loss=line.figures.get("loss"),
            )
        if ends:
            yield from self._end_epoch(line)
        elif line.step > self._steps.done and not self._job.recorded:
            printed, self._printed = self._printed, line.t
            if printed is not None:
                yield from self._flush()
                self._bar = replace(self._stretch(line, epochs=0), t=printed, seen=printed)

    def _goes_on(self, line: _Line) -> bool:
        """Whether a bar of the last step is not the line that ends the epoch."""
        old = line.t is not None and self._began is not None and line.t - self._began >= NO_LONGER_0
        return line.to_go and old and not line.validated

    def _close(self) -> Iterator[Event]:
        """The epoch under way is over: its last bar was the line that ends it."""
        self._open = False
        if self._bar is not None:
            self._bar = replace(self._bar, epochs=1)
        yield from self._flush()

    def _end_epoch(self, line: _Line) -> Iterator[Event]:
        self._open = False
        if not line.validated:
            yield from self._flush()
            seconds = None
            if self._job.recorded and line.each is not None:
                seconds = exact_seconds(*line.each, times=line.length)
            yield from self._stretches.trained(replace(self._stretch(line, epochs=1), seconds=seconds))
        elif self._bar is not None:
            yield from self._close()
            yield from self._evaluate(line)
        else:
            yield from self._stretches.trained(self._with_validation(line))
            yield from self._told(line, None)

    def _with_validation(self, line: _Line) -> Stretch:
        """An epoch and its validation: their speed together."""
        epoch = replace(self._stretch(line, epochs=1), t=None)
        seconds = None if line.t is None or self._began is None else line.t - self._began
        if self._job.recorded and line.each is not None:
            seconds = exact_seconds(*line.each, times=line.length)
        rated = epoch.samples / seconds if epoch.samples and seconds else None
        return replace(epoch, rated=rated)

    def _evaluate(self, line: _Line) -> Iterator[Event]:
        """A line of an evaluation, or of a validation after training; of `predict` too, which has no figures."""
        self._validates = self._validates or bool(line.validated)
        figures = line.validated or ({} if self._validates else line.figures)
        if line.step >= line.length and figures:
            yield from self._told(line, self._stretches.evaluated(line.t, alone=True))
        elif line.step >= line.length:
            self._stretches.paused(line.t)

    def _told(self, line: _Line, seconds: float | None) -> Iterator[Event]:
        """The evaluation that a line ends. Raises EventError."""
        self._validates = self._validates or bool(line.validated)
        if not self._epoch and not line.validated:
            raise EventError("figures before any 'Epoch k/n': nobody knows whether of training or of an evaluation")
        at: dict[str, Any] = {"t": line.t, "seen": line.seen, "rank": line.rank, "epoch": self._epoch}
        yield from self._metric.evaluations(line.validated or line.figures, **at, seconds=seconds)

    def _stretch(self, line: _Line, *, epochs: int) -> Stretch:
        steps, samples = self._steps.advance(line.step, line.length)
        loss = line.figures.get("loss")
        return Stretch(
            t=line.t,
            seen=line.seen,
            rank=line.rank,
            steps=steps,
            samples=samples,
            epochs=epochs,
            loss=None if loss is None else figure(loss),
        )

    def _flush(self) -> Iterator[Event]:
        bar, self._bar = self._bar, None
        if bar is not None:
            yield from self._stretches.trained(bar)
