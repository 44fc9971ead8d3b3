"""What train.py of pytorch-image-models prints, of release 0.1 (2019) to 1.0 (2026), on stderr of rank 0.

Its `Time` is that of one step, the loader in; the figure in parentheses is the mean over the epoch so far. A line comes
every so many steps (`--log-interval`), so what lies between two lines is taken from the difference of the means: the
speed of single steps would be biased. Live, the time between two lines is measured instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

from pytest_sixdim.core.events import End, Event, EventError
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import COUNT, METRIC_OPTIONS, NUMBER, MetricChoice, figure, instant, progress
from pytest_sixdim.dialects.parts.option_values import one_of
from pytest_sixdim.dialects.stretches import Stretch, Stretches

_TRAIN = re.compile(
    rf"Train: (?P<epoch>{COUNT}) \[ *(?P<index>{COUNT})/(?P<of>{COUNT}) \([^)]{{0,20}}\)\]"
    rf" +Loss: +(?P<loss>{NUMBER}) \([^)]{{0,40}}\)"
    rf" +Time: +(?P<time>{NUMBER})s, +(?P<rate>{NUMBER})/s +\( *(?P<mean>{NUMBER})s, +(?P<mean_rate>{NUMBER})/s\)"
)
_TEST = re.compile(
    rf"Test(?P<ema> \(EMA\))?: \[ *(?P<index>{COUNT})/(?P<last>{COUNT})\] +Time: +{NUMBER} \( *(?P<mean>{NUMBER})\)"
    rf" +Loss: +{NUMBER} \( *(?P<loss>{NUMBER})\) +Acc@1: +{NUMBER} \( *(?P<top1>{NUMBER})\)"
    rf"(?: +Acc@5: +{NUMBER} \( *(?P<top5>{NUMBER})\))?"
)
_END = re.compile(r"\*\*\* Best metric: ")
#: What a printed mean time is off by at most, s: it has three decimals.
ROUNDING = 0.00051
WEIGHTS = ("plain", "ema")


class _Line(NamedTuple):
    """A line of training. `steps`: of the epoch so far; `seconds`: their time; `step_seconds`: of the last one;
    `last`: whether the epoch ends."""

    epoch: int
    steps: int
    seconds: float
    step_seconds: float
    samples_a_step: float
    last: bool


class TimmDialect:
    """Reads lines of training and evaluation, and the one that ends it."""

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "metric": "top1, top5 or loss, where the case calls its metric otherwise",
        "scale": METRIC_OPTIONS["scale"],
        "weights": f"whose evaluation counts where --model-ema is given: {', '.join(WEIGHTS)} (the averaged ones)",
    }
    reports_end = False  # one that saves nothing does not say it
    stream = "stderr"

    def __init__(
        self, job: Job | None = None, *, metric: Any = None, scale: float | None = None, weights: Any = None
    ) -> None:
        """Raises OptionError."""
        self._job = job or Job()
        self._metric = MetricChoice(self._job, one_of("metric", metric, ("top1", "top5", "loss")), scale)
        self._of_ema = one_of("weights", weights, WEIGHTS) == "ema"
        self._stretches = Stretches(self._job, rated_as="train")
        self._before: _Line | None = None

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read."""
        at = instant(line, self._job, seen)
        if (train := _TRAIN.search(line)) is not None:
            yield from self._trained(train, at, seen, rank)
        elif (test := _TEST.search(line)) is not None:
            yield from self._evaluated(test, at, seen, rank)
        elif _END.search(line) is not None:
            yield End(t=seen if at is None else at, seen=seen, rank=rank, status="success")

    def _trained(self, match: re.Match[str], at: float | None, seen: float, rank: int) -> Iterator[Event]:
        now, before = self._line(match), self._before
        self._before = now
        yield progress(
            t=at,
            seen=seen,
            rank=rank,
            loss=match["loss"],
            epoch=now.epoch,
            step=now.epoch * int(match["of"]) + now.steps,
            speed=figure(match["rate"]),
        )
        if before is not None and before.epoch == now.epoch and before.steps < now.steps:
            steps, seconds, timed = now.steps - before.steps, now.seconds - before.seconds, at is not None
        elif before is None or (before.last and now.epoch > before.epoch):
            # The epoch's own clock starts with it: the time since the last line is evaluating and saving, too.
            steps, seconds, timed = now.steps, now.seconds, False
            self._stretches.paused(None if at is None else at - seconds)
        else:
            self._stretches.began(at)
            return
        batch = self._samples_a_step(now)
        yield from self._stretches.trained(
            Stretch(
                t=at,
                seen=seen,
                rank=rank,
                steps=steps,
                samples=None if batch is None else steps * batch,
                epochs=int(now.last),
                seconds=None if timed else seconds,
                rated=steps * (now.samples_a_step if batch is None else batch) / seconds if seconds > 0 else None,
                loss=figure(match["loss"]),
            )
        )

    def _line(self, match: re.Match[str]) -> _Line:
        """The numbers of a line of training. Raises EventError for times and rates that cannot be."""
        found = {name: figure(match[name]) for name in ("time", "rate", "mean", "mean_rate")}
        known = {name: value for name, value in found.items() if value is not None and value > 0}
        if len(known) < len(found):
            raise EventError(f"times and rates must be above 0: {match[0]:.120}")
        index, of, batch = int(match["index"]), int(match["of"]), self._job.global_batch_size
        mean = known["mean"]
        if batch is not None and abs(batch / known["mean_rate"] - mean) < ROUNDING:
            mean = batch / known["mean_rate"]  # of more digits than the time
        return _Line(
            epoch=int(match["epoch"]),
            steps=index + 1,
            seconds=mean * (index + 1),
            step_seconds=known["time"],
            samples_a_step=known["rate"] * known["time"],
            last=index + 1 >= of,
        )

    def _samples_a_step(self, line: _Line) -> int | None:
        """Samples of a step, of the whole job; what the line's own figures make of it where they contradict the case.

        A last batch may be ragged, so the epoch's last line contradicts nothing.
        """
        batch = self._job.global_batch_size
        if batch is None or line.last or abs(line.samples_a_step / batch - 1) < 0.1 + ROUNDING / line.step_seconds:
            return batch
        return round(line.samples_a_step) or None

    def _evaluated(self, match: re.Match[str], at: float | None, seen: float, rank: int) -> Iterator[Event]:
        """The last line of an evaluation has the figures of all of it."""
        if match["index"] != match["last"]:
            return
        seconds = figure(match["mean"])
        took = None if seconds is None or seconds < 0 else seconds * (int(match["last"]) + 1)
        took = self._stretches.evaluated(at, took, alone=self._before is not None and self._before.last)
        figures = {name: match[name] for name in ("top1", "top5", "loss") if match[name] is not None}
        epoch = None if self._before is None else self._before.epoch
        for told in self._metric.evaluations(figures, t=at, seen=seen, rank=rank, epoch=epoch, seconds=took):
            if (match["ema"] is not None) == self._of_ema:
                yield told
            else:
                whose = "ema" if match["ema"] else "plain"
                yield replace(told, metric=f"{told.metric or 'metric'} of the {whose} weights")
