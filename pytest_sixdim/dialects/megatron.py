"""Megatron-LM and what came from it: ` iteration      100/  500000 | consumed samples: ... |` (docs/logs.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pytest_sixdim.core.events import LARGEST_COUNT, Event, EventError, Memory, Progress
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import (
    COUNT,
    METRIC_OPTIONS,
    NUMBER,
    MetricChoice,
    count,
    figure,
    instant,
    progress,
    seconds_of,
)
from pytest_sixdim.dialects.stretches import Stretch, Stretches

TRAINING = re.compile(rf"iteration +({COUNT})/ *(?:{COUNT}|infinity) *\|(.*\|.*)", re.ASCII)
ELAPSED = re.compile(rf"elapsed time per iteration \((ms|s)\): *({NUMBER})", re.ASCII)
EVALUATION = re.compile(rf"validation loss at iteration +({COUNT})(?: on validation set)? *\|(.*)", re.ASCII)
#: Releases before 2.0 print no colon.
FIGURE = re.compile(rf"^ *(.{{1,80}}?):? +({NUMBER}) *$", re.ASCII)
MEMORY = re.compile(
    r"\(after \d{1,15} iterations\) memory \(MB\) \|.{0,200} max allocated: ([\d.]+) \|.{0,200} max reserved: ([\d.]+)",
    re.ASCII,
)
#: Fields of a line that are read.
MOST_FIELDS = 100
#: Losses that are no model's own.
EXTRA_LOSSES = ("load_balancing_loss", "z_loss", "sop loss")


class MegatronDialect:
    """Reads the training log, which the last rank prints.

    The elapsed time per iteration is the mean since the last line; saving is not in it, nor, since 2023, evaluation.
    """

    OPTIONS: ClassVar[Mapping[str, str]] = METRIC_OPTIONS
    reports_end = counts_epochs = False
    mark = "iteration"
    stream = "stdout"
    rank = "last"

    def __init__(self, job: Job | None = None, *, metric: str | None = None, scale: float | None = None) -> None:
        """Raises OptionError."""
        self._job = job or Job()
        self._metric = MetricChoice(self._job, metric, scale)
        self._stretches = Stretches(self._job)
        self._iteration: int | None = None  # of the last line
        self._has_loss = False  # whether lines have one
        self._consumed: int | None = None  # samples, of the last line

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        t = instant(line, self._job, seen)
        if match := TRAINING.search(line):
            yield from self._train(match, t, seen, rank)
        elif match := EVALUATION.search(line):
            yield from self._evaluate(match, t, seen, rank)
        elif match := MEMORY.search(line):
            allocated, reserved = (_bytes(text) for text in match.groups())
            yield Memory(
                t=seen if t is None else t, seen=seen, rank=rank, peak_allocated=allocated, peak_reserved=reserved
            )

    def _train(self, match: re.Match[str], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        iteration, figures = int(match[1]), _figures(match[2])
        elapsed = ELAPSED.search(match[2])
        if elapsed is None:
            raise EventError(f"no elapsed time per iteration in {match[0]:.200}")
        each = seconds_of(elapsed[2], elapsed[1])
        steps = 0 if self._iteration is None else iteration - self._iteration
        self._iteration = iteration
        sign = self._progress(figures, steps, each, t=t, seen=seen, rank=rank)
        yield sign
        samples = self._samples(figures, steps)
        if steps <= 0:  # the first line, which may be that of a training that goes on
            self._stretches.began(t)
            return
        yield from self._stretches.trained(
            Stretch(t=t, seen=seen, rank=rank, steps=steps, samples=samples, seconds=each * steps, loss=sign.loss)
        )

    def _progress(self, figures: Mapping[str, str], steps: int, each: float, **at: Any) -> Progress:
        """Of a line after so many iterations, which took `each` s."""
        skipped = (count(figures.get("number of skipped iterations")) or 0) >= max(1, steps)
        loss, batch = _loss(figures), self._batch(figures)
        if loss is None and self._has_loss and not skipped:
            loss = "nan"  # most releases leave out a mean loss that is not above 0, as NaN is not
        self._has_loss = self._has_loss or loss is not None
        speed = batch / each if batch and each else None
        return progress(step=self._iteration, loss=loss, skipped=skipped or None, speed=speed, **at)

    def _samples(self, figures: Mapping[str, str], steps: int) -> int | None:
        """Samples of so many iterations, of the whole job: by what was consumed, else by the batch."""
        before, self._consumed = self._consumed, count(figures.get("consumed samples"))
        if before is not None and self._consumed is not None:
            return self._consumed - before
        batch = self._batch(figures)
        return None if batch is None else steps * batch

    def _batch(self, figures: Mapping[str, str]) -> int | None:
        return count(figures.get("global batch size")) or self._job.global_batch_size

    def _evaluate(self, match: re.Match[str], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        iteration = int(match[1])
        seconds = self._stretches.evaluated(t, alone=iteration == self._iteration)
        figures = _figures(match[2])
        yield from self._metric.evaluations(figures, t=t, seen=seen, rank=rank, step=iteration, seconds=seconds)


def _figures(text: str) -> dict[str, str]:
    """The fields between the bars, by name."""
    fields = (FIGURE.match(field[:200]) for field in text.split("|")[:MOST_FIELDS])
    return {field[1].strip(): field[2] for field in fields if field is not None}


def _loss(figures: Mapping[str, str]) -> str | None:
    """The model's loss, as printed; None where all iterations were skipped."""
    for name in ("lm loss", "loss", *figures):
        if name in figures and name.endswith("loss") and name not in EXTRA_LOSSES:
            return figures[name]
    return None


def _bytes(mebibytes: str) -> int | None:
    number = figure(mebibytes)
    return None if number is None or number * 2**20 >= LARGEST_COUNT else int(number * 2**20)
