"""InternEvo and InternLM: `tflops=189.8,step=1,loss=11.6,tgs (tokens/gpu/second)=4274.45,...` (docs/logs.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar

from pytest_sixdim.core.events import Event, EventError
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import METRIC_OPTIONS, NUMBER, MetricChoice, count, figure, instant, progress
from pytest_sixdim.dialects.parts.option_values import whole
from pytest_sixdim.dialects.stretches import Stretch, Stretches

TGS = re.compile(rf"\btgs \(tokens/gpu/second\)=({NUMBER})(?=[,\s]|$)", re.ASCII)
FIGURE = re.compile(rf"(?<![\w/])([\w/]{{1,80}})=({NUMBER})(?=[,\s]|$)", re.ASCII)
VALIDATION = re.compile(r"Validation on ([^:]{1,200}): (.*)")


class InternEvoDialect:
    """Reads the line of each step. `tgs` is of one card, the loader in; the tokens of a step are the difference of
    `num_consumed_tokens`, and `tokens_per_sample` make a sample.

    The first rank of the last pipeline stage prints, so all are read.
    """

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "tokens_per_sample": "tokens of a sample: the sequence length (SEQ_LEN of the configuration)",
        **METRIC_OPTIONS,
    }
    reports_end = counts_epochs = False
    rank = "all"

    def __init__(
        self,
        job: Job | None = None,
        *,
        tokens_per_sample: int | None = None,
        metric: str | None = None,
        scale: float | None = None,
    ) -> None:
        """Raises OptionError."""
        self._job = job or Job()
        size = whole("tokens_per_sample", tokens_per_sample)
        if size is None:
            raise OptionError("tokens_per_sample", "is needed, such as 4096: the log counts tokens, a speed samples")
        self._size = size
        self._asked = metric
        self._metric = MetricChoice(self._job, metric, scale)
        self._stretches = Stretches(self._job)
        self._tokens: int | None = None  # consumed so far
        self._skips: int | None = None  # batches so far whose update was left out
        self._step: int | None = None  # of the last line
        self._set: str | None = None  # what is evaluated: the first set whose figures have the metric

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        t = instant(line, self._job, seen)
        if match := TGS.search(line):
            yield from self._train(match[1], dict(FIGURE.findall(line)), t, seen, rank)
        elif match := VALIDATION.search(line):
            yield from self._evaluate(match[1], dict(FIGURE.findall(match[2])), t, seen, rank)

    def _train(
        self, printed: str, figures: Mapping[str, str], t: float | None, seen: float, rank: int
    ) -> Iterator[Event]:
        tgs, step = figure(printed), count(figures.get("step"))
        if tgs is None or tgs <= 0 or step is None:
            raise EventError(f"no step or no speed in a line of training: step {step}, tgs {printed:.40}")
        rate = tgs * self._job.cards  # tokens/s of the whole job
        tokens, skips = count(figures.get("num_consumed_tokens")), count(figures.get("inf_nan_skip_batches"))
        skipped = skips is not None and self._skips is not None and skips > self._skips
        sign = progress(
            t=t,
            seen=seen,
            rank=rank,
            step=step,
            loss=figures.get("loss"),
            skipped=skipped or None,
            speed=rate / self._size,
        )
        yield sign
        consumed = _difference(tokens, 0 if step == 0 else self._tokens)
        steps = _difference(step, self._step) or 1
        self._tokens, self._skips, self._step = tokens, skips, step
        samples = None if consumed is None or consumed % self._size else consumed // self._size
        yield from self._stretches.trained(
            Stretch(
                t=t,
                seen=seen,
                rank=rank,
                steps=steps,
                samples=samples,
                seconds=None if consumed is None else consumed / rate,
                rated=sign.speed if consumed is None else None,
                loss=sign.loss,
            )
        )

    def _evaluate(
        self, name: str, figures: Mapping[str, str], t: float | None, seen: float, rank: int
    ) -> Iterator[Event]:
        step, prefix = count(figures.get("step")), f"val/{name}_"
        printed = {key: value for key, value in figures.items() if key != "step"}
        known = {**printed, **{key.removeprefix(prefix): value for key, value in printed.items()}}
        seconds = self._stretches.evaluated(t, alone=True)
        if self._set is None and self._metric.key(known) is not None:
            self._set = name
        try:
            for told in self._metric.evaluations(known, t=t, seen=seen, rank=rank, step=step, seconds=seconds):
                yield told if name == self._set else replace(told, metric=f"{told.metric or 'metric'} of {name}")
        except EventError:
            if self._asked is None:  # else it is another set's
                raise


def _difference(now: int | None, before: int | None) -> int | None:
    return now - before if now is not None and before is not None and now > before else None
