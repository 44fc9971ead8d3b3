"""FlagPerf's and DeepSparkHub's lines: `[PerfLog] {"event": "STEP_END", "value": {...}, "metadata": {...}}`.

Speeds are differences of STEP_END's counts over differences of its `time_ms`: of the kind train, the loader in and
evaluations out. What FINISHED calls a throughput counts all steps that were ever taken, those before a resumption too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Iterator, Mapping
from typing import Any, ClassVar

from pytest_sixdim.core.events import End, Evaluation, Event, EventError, Progress
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import METRIC_OPTIONS, scaled
from pytest_sixdim.dialects.parts.marked_json import (
    count,
    finite,
    instant,
    mapping,
    marked_objects,
    number,
    plain_name,
    seconds,
)
from pytest_sixdim.dialects.parts.option_values import factor, figure_name
from pytest_sixdim.dialects.parts.perflog_steps import Steps
from pytest_sixdim.dialects.stretches import Stretch, Stretches

MARK = "[PerfLog]"
EVALUATIONS = ("EVALUATE", "EVALUATION")
#: What a program calls its own speed at a step, and over the whole run without evaluations. faster_rcnn misspells it.
RATING = re.compile(r"(?i)(?:seqs?|sequences?|img|images?|samples?|sents?|items?)/s(?:ec)?|thro\w*\((?:ips|sps)\)\w*")
RUN_RATING = re.compile(r"(?i)thro\w*\((?:ips|sps)\)_no_eval")
#: An evaluation that is reported within so many seconds of a step ended before the step did.
TOGETHER = 0.1
#: An evaluation that names no step is the same as one so many seconds before it.
SAME = 1.0
#: Before the names of metrics, and what else an evaluation says.
_PREFIX = re.compile(r"^(?:eval|final|val|best)_")
_NO_METRIC = ("time", "epoch", "step", "global_steps", "num_trained_samples")
#: Other metrics that are given where the case's own is missing.
_OTHERS = 8


class PerfLogDialect:
    """Reads STEP_END, EVALUATE or EVALUATION, FINISHED and the borders of training.

    A step is reported after the evaluation that was made at it, and the evaluation right after the step. So a step is
    held back until the next event, which says how much of its time was evaluation.
    """

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "metric": "the key of EVALUATE that has the case's metric, such as eval_mlm_accuracy",
        "scale": METRIC_OPTIONS["scale"],
    }
    reports_end = True
    mark = MARK
    stream = "both"  # FlagPerf's logger has no handler and prints on stderr; DeepSparkHub's copies need not
    rank = 0

    def __init__(self, job: Job | None = None, *, metric: str | None = None, scale: float | None = None) -> None:
        """Raises OptionError."""
        self._job = job or Job()
        self._keys = _keys(figure_name("metric", metric) or self._job.metric)
        self._scale = factor(scale)
        self._stretches = Stretches(self._job)
        self._steps = Steps(self._job)
        self._held: Stretch | None = None
        self._spoiled = False  # the stretch under way has an evaluation that no event can tell of
        self._stepped: float | None = None  # when the last step was reported
        self._rank: int | None = None  # of the first step: other ranks may print into the same log
        self._evaluated: tuple[int | None, float | None] = (None, None)  # step and instant of the last evaluation
        self._initial: float | None = None  # the metric before training
        self._valued = self._ended = False

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        for record in marked_objects(line, MARK):
            name = record.get("event")
            if not isinstance(name, str):
                raise EventError(f"an event without a name: {name!r:.80}")
            unix = instant(mapping(record, "metadata").get("time_ms"))
            unknown = None if self._job.recorded else seen
            yield from self._take(name, record, self._job.instant(unix) if unix is not None else unknown, seen, rank)

    def _take(self, name: str, record: Mapping[str, Any], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        value = mapping(record, "value")
        if name == "FINISHED":
            yield from self._finished(value, t, seen, rank)
        elif not self._is_mine(record):
            return
        elif name == "STEP_END":
            yield from self._step_end(record, t, seen, rank)
        elif name in EVALUATIONS:
            yield from self._evaluation(value, t, seen, rank)
        elif name == "TRAIN_END":
            yield from self._release()
        elif name in ("TRAIN_START", "TRAIN_BEGIN"):
            yield from self._release()
            self._evaluated, self._spoiled = (None, None), False
            self._steps.restart()
        elif name == "EPOCH_END":
            self._steps.epoch_ended()
        elif name == "INIT_EVALUATION":
            self._initial = finite(self._metric_in(value))

    def _is_mine(self, record: Mapping[str, Any]) -> bool:
        own = count(mapping(record, "metadata").get("rank"))
        return own is None or self._rank is None or own == self._rank

    def _step_end(self, record: Mapping[str, Any], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        value = mapping(record, "value")
        if self._steps.is_repeat(record):
            return
        yield from self._release()
        if self._rank is None:
            self._rank = count(mapping(record, "metadata").get("rank"))
        first = self._steps.first
        steps, samples, epochs = self._steps.report(record)
        loss = number(value.get("loss", value.get("train_loss")))
        yield Progress(
            t=seen if t is None else t,
            seen=seen,
            rank=rank,
            step=self._steps.step,
            epoch=self._steps.epoch,
            loss=finite(loss),
            speed=next((finite(each) for key, each in value.items() if RATING.fullmatch(key)), None),
            diverged=loss is not None and not math.isfinite(loss),
        )
        self._stepped = t
        amount = samples is not None or (steps is not None and self._job.global_batch_size is not None)
        if first or not amount:
            self._stretches.began(t)  # a resumed run's counts start high: only differences count
            return
        self._held = Stretch(
            t=t,
            seen=seen,
            rank=rank,
            steps=steps,
            samples=samples,
            epochs=epochs,
            loss=finite(loss),
        )

    def _release(self) -> Iterator[Event]:
        held, self._held = self._held, None
        if held is not None and self._spoiled:
            self._stretches.began(held.t)
        elif held is not None:
            yield from self._stretches.trained(held)
        self._spoiled = self._spoiled and held is None

    def _evaluation(self, value: Mapping[str, Any], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        step = count(value.get("global_steps", value.get("step")))
        if self._is_evaluated(step, t):
            return
        self._evaluated = (step, t)
        found = self._values(value)
        took = yield from self._cut(t, seconds(value.get("time")), step, told=bool(found))
        self._valued = self._valued or self._metric_in(value) is not None
        for name, metric in found.items():
            yield self._evaluation_event(name, metric, t, seen, rank, step=step, took=took)

    def _cut(
        self, t: float | None, took: float | None, step: int | None, *, told: bool
    ) -> Generator[Event, None, float | None]:
        """Take an evaluation out of the time of training; returns what it took, s, where that is known.

        told: whether there will be an event for it. If not, the stretch that it stands in is a pause.
        """
        held = self._held is not None
        after = max(0.0, t - self._stepped) if t is not None and self._stepped is not None else None
        together = after is not None and after <= TOGETHER
        if not told:
            if not together:
                yield from self._release()
            self._spoiled = not together or held
            yield from self._release()
        elif took is not None:
            before = max(0.0, took - after) if after is not None else took if held else 0.0
            if held:
                self._stretches.evaluated(t, before)
                yield from self._release()
            self._stretches.evaluated(t, took - before)
        elif together and held:
            self._stretches.evaluated(t)
            yield from self._release()
        elif not together:
            yield from self._release()
            took = self._stretches.evaluated(t, alone=held and step == self._steps.step)
        return took

    def _is_evaluated(self, step: int | None, t: float | None) -> bool:
        """Whether another rank has reported the same evaluation."""
        last, when = self._evaluated
        if step is not None:
            return step == last
        return last is None and t is not None and when is not None and abs(t - when) < SAME

    def _values(self, value: Mapping[str, Any]) -> dict[str | None, float]:
        """The case's metric; where it is not there, the others by their own names."""
        metric = self._metric_in(value)
        if metric is not None:
            return {self._job.metric or None: metric}
        no_others = (*_NO_METRIC, self._job.metric)  # the case's own name, where the case says to read another key
        others = [(key[:100], number(each)) for key, each in value.items() if key not in no_others]
        return {key: each for key, each in others[:_OTHERS] if each is not None}

    def _metric_in(self, value: Mapping[str, Any]) -> float | None:
        """The case's metric, in its unit."""
        plain = {plain_name(key): each for key, each in value.items()}
        found = next((each for key in self._keys if (each := number(plain.get(key))) is not None), None)
        return None if found is None else scaled(found, self._scale)

    def _evaluation_event(
        self,
        name: str | None,
        value: float,
        t: float | None,
        seen: float,
        rank: int,
        *,
        step: int | None = None,
        took: float | None = None,
    ) -> Evaluation:
        steps = self._steps
        return Evaluation(
            t=seen if t is None else t,
            seen=seen,
            rank=rank,
            value=finite(value),
            diverged=finite(value) is None,
            metric=name,
            epoch=steps.epoch,
            step=step if step is not None else steps.step,
            seconds=took,
            trained_samples=steps.trained if step is None or step == steps.step else None,
        )

    def _finished(self, value: Mapping[str, Any], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        yield from self._release()
        if self._ended:
            return
        self._ended = True
        metric = self._metric_in(value)
        if metric is not None and not self._valued and metric != self._initial:
            yield self._evaluation_event(self._job.metric or None, metric, t, seen, rank)
        at = seen if t is None else t
        rating = next((finite(each) for key, each in value.items() if RUN_RATING.fullmatch(key)), None)
        if rating is not None:
            yield Progress(t=at, seen=seen, rank=rank, speed=rating)
        status = "target_missed" if value.get("converged") is False else "success"
        yield End(t=at, seen=seen, rank=rank, status=status)


def _keys(name: str) -> tuple[str, ...]:
    """The keys that may hold the metric called `name`, the likeliest first."""
    wanted = plain_name(name)
    stem = _PREFIX.sub("", wanted)
    return (wanted, *(prefix + stem for prefix in ("eval_", "final_", "val_", "", "best_"))) if stem else ()
