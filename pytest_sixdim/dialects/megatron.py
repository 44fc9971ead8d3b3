"""Megatron-LM and what came from it: ` iteration      100/  500000 | consumed samples: ... |` (docs/logs.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pytest_sixdim.core.events import LARGEST_COUNT, Event, EventError, Memory
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
    reports_end = False
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
        consumed = count(figures.get("consumed samples"))
        before, self._iteration = self._iteration, iteration
        steps = 0 if before is None else iteration - before
        skipped = (count(figures.get("number of skipped iterations")) or 0) >= max(1, steps)
        loss = _loss(figures)
        if loss is None and self._has_loss and not skipped:
            loss = "nan"  # most releases leave out a mean loss that is not above 0, as NaN is not
        self._has_loss = self._has_loss or loss is not None
        batch = count(figures.get("global batch size")) or self._job.global_batch_size
        sign = progress(
            t=t,
            seen=seen,
            rank=rank,
            step=iteration,
            loss=loss,
            skipped=skipped or None,
            speed=batch / each if batch and each else None,
        )
        yield sign
        consumed_before, self._consumed = self._consumed, consumed
        if steps <= 0:  # the first line, which may be that of a training that goes on
            self._stretches.began(t)
            return
        samples = None if consumed is None or consumed_before is None else consumed - consumed_before
        if samples is None and batch is not None:
            samples = steps * batch
        yield from self._stretches.trained(
            Stretch(t=t, seen=seen, rank=rank, steps=steps, samples=samples, seconds=each * steps, loss=sign.loss)
        )

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
