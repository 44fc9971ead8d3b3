"""The evaluations of an MLPerf log: what they gave, and how long they took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pytest_sixdim.core.events import Evaluation, Event
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import scaled
from pytest_sixdim.dialects.parts.marked_json import finite, number, plain_name
from pytest_sixdim.dialects.parts.mllog_counts import Counts, Position
from pytest_sixdim.dialects.parts.mllog_training import SAME, Training

ACCURACY, ERROR, FROM_ERROR = "eval_accuracy", "eval_error", "1 - eval_error"
#: Values within one evaluation that are kept until it stops.
_KEPT = 8


class Evaluations:
    """Joins eval_start, eval_stop and the value, which comes before or after the stop.

    Attributes:
        samples: of the evaluation set; None where the log has not said it.
    """

    def __init__(self, job: Job, counts: Counts, key: str | None, scale: Decimal) -> None:
        self.samples: int | None = None
        self._job = job
        self._counts = counts
        self._scale = scale
        self._inverse = key == FROM_ERROR
        self._key = ERROR if self._inverse else key or _default(job)
        self._start: Position | None = None
        self._last: tuple[Position, float | None] | None = None  # the last stop, while nothing was trained since
        self._kept: list[tuple[str, float, Position]] = []
        self._given: tuple[str, float, Position] | None = None

    def border(self, key: str, place: Position, training: Training, seen: float, rank: int) -> Iterator[Event]:
        """An evaluation starts or stops."""
        if key == "eval_start":
            if self._start is None:
                yield from self.settle(training, seen, rank)
                yield from training.evaluating(place, seen, rank)
                self._start = place
            return
        if self._start is None:
            return  # of another rank
        begin, end = self._start.t, place.t
        took = end - begin if begin is not None and end is not None and end >= begin else None
        self._start = None
        took = training.evaluated(place, took)
        kept, self._kept = self._kept, []
        for name, value, at in kept:
            yield self._event(name, value, at, end, took, seen, rank)
        self._last = place, took

    def value(
        self, key: str, record: Mapping[str, Any], place: Position, training: Training, seen: float, rank: int
    ) -> Iterator[Event]:
        """A line that may hold a metric."""
        name, found = self._metric(key, record)
        if name is None or found is None or place.samples == 0:
            return  # before training, it is no result
        given = (name, found, place)
        if self._is_repeat(given):
            return
        self._given = given
        if self._start is not None:
            self._kept = [*self._kept[-_KEPT + 1 :], given]
        elif self._last is not None:
            stop, took = self._last
            yield self._event(name, found, place, stop.t, took, seen, rank)
        else:
            took = training.evaluated(place, None)
            yield self._event(name, found, place, place.t, took, seen, rank)

    def settle(self, training: Training, seen: float, rank: int) -> Iterator[Event]:
        """Training goes on, or the run is over: an evaluation that is open will not stop any more."""
        self._last = None
        if self._start is None:
            return
        self._start, kept = None, self._kept
        self._kept = []
        for name, value, place in kept:
            training.evaluated(place, None)
            yield self._event(name, value, place, place.t, None, seen, rank)

    def _is_repeat(self, given: tuple[str, float, Position]) -> bool:
        """Whether another rank has printed the same."""
        if self._given is None:
            return False
        name, value, place = self._given
        if (name, value) != given[:2] or (place.samples, place.epoch) != (given[2].samples, given[2].epoch):
            return False
        if place.samples is not None or place.epoch is not None or place.t is None or given[2].t is None:
            return True
        return abs(given[2].t - place.t) < SAME

    def _metric(self, key: str, record: Mapping[str, Any]) -> tuple[str | None, float | None]:
        """The name and the value of the metric that a line holds."""
        found = number(lookup(record, self._key))
        if found is not None:
            value = 1 - Decimal(str(found)) if self._inverse else found
            return self._job.metric or self._key, scaled(value, self._scale)
        if key in (ACCURACY, ERROR) and key != self._job.metric:  # else the case says that it means another key
            return key, number(record.get("value"))
        return None, None

    def _event(
        self, name: str, value: float, place: Position, t: float | None, took: float | None, seen: float, rank: int
    ) -> Evaluation:
        return Evaluation(
            t=seen if t is None else t,
            seen=seen,
            rank=rank,
            value=finite(value),
            diverged=finite(value) is None,
            metric=name,
            samples=self.samples,
            epoch=place.epoch,
            step=place.step if place.samples is None else self._counts.steps_of(place.samples),
            seconds=took,
            trained_samples=place.samples,
        )


def lookup(record: Mapping[str, Any], path: str) -> Any:
    """The value of the line whose key is `path`; "key.field" is a field of such a value. None for another line."""
    if record.get("key") == path:
        return record.get("value")
    key, _, field = path.partition(".")
    value = record.get("value")
    return value.get(field) if field and record.get("key") == key and isinstance(value, dict) else None


def _default(job: Job) -> str:
    """eval_error is a metric of its own, such as a mean absolute error: it is never turned into an accuracy unasked."""
    return ERROR if not job.higher and plain_name(job.metric).endswith("error") else ACCURACY
