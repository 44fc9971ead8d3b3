"""PaddleClas: `[Train][Epoch 1/120][Iter: 10/5004]...` and `[Eval][Epoch 1][Avg]...` (docs/logs.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

from pytest_sixdim.core.events import Event, EventError
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import COUNT, METRIC_OPTIONS, NUMBER, MetricChoice, figure, instant, progress
from pytest_sixdim.dialects.stretches import Stretch, Stretches

TRAINING = re.compile(rf"\[Train\]\[Epoch ({COUNT})/{COUNT}\]\[Iter: ?({COUNT})/({COUNT})\](.*)", re.ASCII)
EPOCH_END = re.compile(rf"\[Train\]\[Epoch ({COUNT})/{COUNT}\]\[Avg\]", re.ASCII)
EVALUATION = re.compile(rf"\[Eval\]\[Epoch ({COUNT})\]\[Avg\](.*)", re.ASCII)
FIGURE = re.compile(rf"(?<![\w.@/-])([A-Za-z][\w.@/-]{{0,60}})(?:\([^)]{{0,60}}\))?: ({NUMBER})", re.ASCII)
SAVED = "Already save model in"
#: The averages of an epoch begin anew with the iteration of this index.
ANEW = 5


class _Report(NamedTuple):
    """A line of training: iterations of the epoch so far, and the averages since the one with index ANEW, s."""

    epoch: int
    done: int
    of: int
    batch_cost: float
    reader_cost: float | None

    def seconds_since(self, before: _Report | None, steps: int, of: str) -> float | None:
        """What the last `steps` iterations took; of: batch_cost or reader_cost."""
        mean: float | None = getattr(self, of)
        if mean is None or before is None or before.epoch != self.epoch or before.done <= ANEW:
            return None if mean is None else mean * steps
        earlier = getattr(before, of)
        return None if earlier is None else mean * (self.done - ANEW) - earlier * (before.done - ANEW)


class PaddleClasDialect:
    """Reads the training log, which rank 0 prints.

    `batch_cost`, `reader_cost` and `ips` are averages over the epoch so far, of the batch of one card. Live, the time
    between two lines is measured; in a recorded log it is worked out of the averages.
    """

    OPTIONS: ClassVar[Mapping[str, str]] = METRIC_OPTIONS
    reports_end = False
    stream = "stdout"

    def __init__(self, job: Job | None = None, *, metric: str | None = None, scale: float | None = None) -> None:
        """Raises OptionError."""
        self._job = job or Job()
        self._metric = MetricChoice(self._job, metric, scale)
        self._stretches = Stretches(self._job)
        self._before: _Report | None = None
        self._closed = False  # whether nothing was trained since the end of an epoch
        self._loss: float | None = None

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        t = instant(line, self._job, seen)
        if match := TRAINING.search(line):
            yield from self._train(match, t, seen, rank)
        elif EPOCH_END.search(line):
            yield from self._end_epoch(t, seen, rank)
        elif match := EVALUATION.search(line):
            figures = dict(FIGURE.findall(match[2]))
            seconds = self._stretches.evaluated(t, alone=self._closed)
            yield from self._metric.evaluations(
                figures, t=t, seen=seen, rank=rank, epoch=int(match[1]), seconds=seconds
            )
        elif SAVED in line and self._closed:
            self._stretches.paused(t)

    def _train(self, match: re.Match[str], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        epoch, done, of = int(match[1]), int(match[2]) + 1, int(match[3])
        figures: dict[str, str] = dict(FIGURE.findall(match[4]))
        batch_cost, ips = figure(figures.get("batch_cost", "")), figure(figures.get("ips", ""))
        if batch_cost is None or batch_cost < 0:
            raise EventError(f"no batch_cost in {match[0]:.200}")
        sign = progress(
            t=t,
            seen=seen,
            rank=rank,
            epoch=epoch,
            step=max(0, epoch - 1) * of + done,
            loss=figures.get("loss"),
            speed=None if ips is None else ips * self._job.cards,
        )
        yield sign
        report = _Report(epoch, done, of, batch_cost, figure(figures.get("reader_cost", "")))
        before, self._before = self._before, report
        steps = _between(before, report)
        self._closed, self._loss = False, sign.loss
        if steps is None:
            self._stretches.began(t)
        else:
            yield from self._stretches.trained(self._stretch(report, before, steps, 0, t, seen, rank))

    def _end_epoch(self, t: float | None, seen: float, rank: int) -> Iterator[Event]:
        before = self._before
        if before is not None and not self._closed:
            rest = max(0, before.of - before.done)
            self._before = before._replace(done=before.of)
            yield from self._stretches.trained(self._stretch(before, None, rest, 1, t, seen, rank))
        self._closed = True

    def _stretch(
        self, report: _Report, before: _Report | None, steps: int, epochs: int, t: float | None, seen: float, rank: int
    ) -> Stretch:
        return Stretch(
            t=t,
            seen=seen,
            rank=rank,
            steps=steps,
            epochs=epochs,
            seconds=report.seconds_since(before, steps, "batch_cost") if self._job.recorded else None,
            loader_seconds=report.seconds_since(before, steps, "reader_cost"),
            loss=self._loss,
        )


def _between(before: _Report | None, report: _Report) -> int | None:
    """Iterations between two lines; None where they do not follow each other."""
    if before is None:
        return report.done
    steps = (report.epoch - before.epoch) * report.of + report.done - before.done
    return steps if steps > 0 and report.of == before.of else None
