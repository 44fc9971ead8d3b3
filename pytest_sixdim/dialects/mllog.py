"""MLPerf's lines: `:::MLLOG {"time_ms": ..., "key": "block_stop", "value": ..., "metadata": {"samples_count": ...}}`.

Speeds are the samples of blocks and epochs over the time between their borders, evaluations cut out: of the kind
train. What the program itself calls a throughput is a cross-check only: it may well hold the evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pytest_sixdim.core.events import End, Event, EventError, Progress
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import METRIC_OPTIONS
from pytest_sixdim.dialects.parts.marked_json import (
    count,
    finite,
    instant,
    mapping,
    marked_objects,
    number,
)
from pytest_sixdim.dialects.parts.mllog_counts import Counts, Position
from pytest_sixdim.dialects.parts.mllog_evaluations import Evaluations, lookup
from pytest_sixdim.dialects.parts.mllog_training import Training
from pytest_sixdim.dialects.parts.option_values import factor, figure_name, one_of

MARK = ":::MLLOG"
STATUS = {"success": "success", "aborted": "target_missed"}
LOSSES = ("reduced_train_loss", "train_loss", "loss")
SPEEDS = ("throughput", "imgs_sec", "imgs_per_sec", "samples_sec", "samples_per_sec")


class MllogDialect:
    """Reads the borders of blocks, epochs, evaluations and the run.

    Several ranks may print into one log: a border that was crossed already is a repetition.
    """

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "metric": "the key that has the case's metric: eval_accuracy, eval_error, 1 - eval_error, or another",
        "scale": METRIC_OPTIONS["scale"],
        "step": "a key that is printed once a step, such as train_loss or tracked_stats.reduced_train_loss",
        "epochs": "what epoch_num and epoch_count count: epochs or samples; by default what the log makes plain",
    }
    reports_end = True
    mark = ":::ML"  # of the formats that are no longer read, too
    stream = "both"
    rank = 0

    def __init__(
        self,
        job: Job | None = None,
        *,
        metric: str | None = None,
        scale: float | None = None,
        step: str | None = None,
        epochs: str | None = None,
    ) -> None:
        """Raises OptionError."""
        self._job = job or Job()
        self._step = figure_name("step", step)
        self._counts = Counts(self._job.global_batch_size, one_of("epochs", epochs, ("epochs", "samples")))
        self._training = Training(self._job, self._counts)
        self._evaluations = Evaluations(self._job, self._counts, figure_name("metric", metric), factor(scale))
        self._started: float | None = None
        self._ended = False

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        for record in marked_objects(line, MARK):
            key = record.get("key")
            if not isinstance(key, str):
                raise EventError(f"a line without a key: {key!r:.80}")
            unix = instant(record.get("time_ms"))
            unknown = None if self._job.recorded else seen
            t = self._job.instant(unix) if unix is not None else unknown
            metadata = mapping(record, "metadata")
            place = Position.of(metadata, t, epochs_are_samples=self._counts.epochs_are_samples)
            yield from self._take(key, record, place, seen, rank)
        _refuse_old(line)

    def _take(self, key: str, record: Mapping[str, Any], place: Position, seen: float, rank: int) -> Iterator[Event]:
        kind, _, border = key.rpartition("_")
        if kind in ("block", "epoch") and border in ("start", "stop"):
            yield from self._evaluations.settle(self._training, seen, rank)
            yield from self._training.border(kind, border, place, seen, rank)
            return
        if place.samples is not None:
            self._counts.running = max(self._counts.running, place.samples)
        if key in ("eval_start", "eval_stop"):
            yield from self._evaluations.border(key, place, self._training, seen, rank)
        elif key == "run_start":
            self._started = place.t if self._started is None else self._started
        elif key == "run_stop":
            yield from self._evaluations.settle(self._training, seen, rank)
            yield from self._end(record, place, seen, rank)
        else:
            self._size(key, record.get("value"))
            yield from self._evaluations.value(key, record, place, self._training, seen, rank)
            yield from self._progress(key, record, place, seen, rank)

    def _size(self, key: str, value: Any) -> None:
        size = count(value)
        if not size:
            return
        if key == "global_batch_size":
            self._counts.batch = size
        elif key == "train_samples" and self._counts.train_samples is None:
            self._counts.train_samples = size
        elif key == "eval_samples":
            self._evaluations.samples = size

    def _progress(
        self, key: str, record: Mapping[str, Any], place: Position, seen: float, rank: int
    ) -> Iterator[Event]:
        value = record.get("value")
        figures = value if key == "tracked_stats" and isinstance(value, dict) else {key: value}
        loss = next((found for name in LOSSES if (found := number(figures.get(name))) is not None), None)
        speed = next((found for name in SPEEDS if (found := finite(figures.get(name))) is not None), None)
        if self._step is not None and lookup(record, self._step) is not None:
            yield from self._training.step(place, finite(loss), seen, rank)
        if loss is None and speed is None:
            return
        yield Progress(
            t=seen if place.t is None else place.t,
            seen=seen,
            rank=rank,
            step=None if place.samples is None else self._counts.steps_of(place.samples),
            epoch=place.epoch,
            loss=finite(loss),
            speed=speed,
            diverged=loss is not None and not math.isfinite(loss),
        )

    def _end(self, record: Mapping[str, Any], place: Position, seen: float, rank: int) -> Iterator[Event]:
        if self._ended:
            return
        said = mapping(record, "metadata").get("status")
        status = STATUS.get(said) if isinstance(said, str) else None
        if status is None:
            raise EventError(f"run_stop with the status {said!r:.80}; known: {', '.join(STATUS)}")
        self._ended = True
        t, started = place.t, self._started
        took = t - started if t is not None and started is not None and t >= started else None
        yield End(t=seen if t is None else t, seen=seen, rank=rank, status=status, seconds=took, samples=place.samples)


def _refuse_old(line: str) -> None:
    """Raises EventError for a line of MLPerf v0.5 (:::MLPv0.5.0) or v0.6 (:::MLL)."""
    for mark in (":::MLPv", ":::MLL "):
        if mark in line:
            raise EventError(f"a line of MLPerf v0.5 or v0.6 ({mark.strip()}), which is not read; {MARK} is, from v0.7")
