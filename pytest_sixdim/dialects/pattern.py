"""Lines that the case itself describes, by regular expressions with named groups (docs/logs.md)."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pytest_sixdim.core.events import SPEED_KINDS, End, Evaluation, Event, EventError, Progress
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.expressions import (
    LINE,
    Captured,
    Expressions,
    count,
    decimal,
    number,
    seconds,
)
from pytest_sixdim.dialects.parts.figures import METRIC_OPTIONS, scaled
from pytest_sixdim.dialects.parts.option_values import factor, one_of, time_format, whole
from pytest_sixdim.dialects.parts.places import Places
from pytest_sixdim.dialects.stretches import Stretch, Stretches

#: What a line may say of itself, by option.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "speed": ("speed", "seconds", "step", "steps", "epoch", "samples", "loss", "time"),
    "accuracy": ("accuracy", "epoch", "step", "loss", "seconds", "samples", "time"),
    "progress": ("loss", "step", "epoch", "speed", "time"),
    "end": ("seconds", "samples", "time"),
    "missed": ("seconds", "samples", "time"),
    "failed": ("seconds", "samples", "time"),
}
#: Of these every expression of an option has at least one.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "speed": ("speed", "seconds", "step", "steps", "epoch", "samples"),
    "accuracy": ("accuracy",),
    "progress": ("loss", "step", "epoch", "speed"),
}
ENDS = {"failed": "failed", "missed": "target_missed", "end": "success"}
UNITS = ("samples/s", "steps/s", "s/step", "ms/step", "s/epoch")
SCOPES = ("job", "card")
#: Options that mean nothing where no expression has one of these groups.
NO_USE: Mapping[str, tuple[str, ...]] = {
    "kind": ("speed", "seconds"),
    "unit": ("speed",),
    "scope": ("speed", "samples"),
    "scale": ("accuracy",),
    "time": ("time",),
}


class PatternDialect:
    """Reads what the case's expressions find.

    Every line of `speed` ends a stretch of training: a whole epoch where it names an epoch and no step.
    """

    OPTIONS: ClassVar[Mapping[str, str]] = {
        "speed": "expression(s) of a line that reports training",
        "accuracy": "expression(s) of a line that reports an evaluation",
        "progress": "expression(s) of other lines with a loss, a step or an epoch",
        "end": "expression(s) of the line that ends a training that went well",
        "missed": "expression(s) of the line that ends one that missed its target",
        "failed": "expression(s) of the line that ends one that failed",
        "kind": f"of the program's speed or seconds: {', '.join(SPEED_KINDS)}",
        "unit": f"of the speed: {', '.join(UNITS)}",
        "scope": "whose the speed and the samples are: the job's, or one card's",
        "samples_per_epoch": "samples of an epoch, of the whole job",
        "steps_per_epoch": "steps of an epoch, where steps are counted anew in each",
        "steps_per_report": "steps between two lines of speed that count none",
        "scale": METRIC_OPTIONS["scale"],
        "time": "format of the group time, as in %Y-%m-%d %H:%M:%S,%f",
    }

    def __init__(
        self,
        job: Job | None = None,
        *,
        speed: str | Sequence[str] | None = None,
        accuracy: str | Sequence[str] | None = None,
        progress: str | Sequence[str] | None = None,
        end: str | Sequence[str] | None = None,
        missed: str | Sequence[str] | None = None,
        failed: str | Sequence[str] | None = None,
        kind: Any = None,
        unit: Any = None,
        scope: Any = None,
        samples_per_epoch: Any = None,
        steps_per_epoch: Any = None,
        steps_per_report: Any = None,
        scale: Any = None,
        time: Any = None,
    ) -> None:
        given = {"speed": speed, "accuracy": accuracy, "progress": progress}
        given |= {"end": end, "missed": missed, "failed": failed}
        self._job = job or Job()
        self._of = {name: Expressions(name, given[name], GROUPS[name], NEEDS.get(name, ())) for name in given}
        self._check_use({"kind": kind, "unit": unit, "scope": scope, "scale": scale, "time": time})
        self._kind = one_of("kind", kind, SPEED_KINDS)
        self._unit = one_of("unit", unit, UNITS) or "samples/s"
        self._each = self._job.cards if one_of("scope", scope, SCOPES) == "card" else 1
        self._samples_per_epoch = whole("samples_per_epoch", samples_per_epoch)
        self._scale = factor(scale)
        self._format = time_format("time", time)
        self._check_together(scope)
        self._places = Places(whole("steps_per_epoch", steps_per_epoch), whole("steps_per_report", steps_per_report))
        self._stretches = Stretches(self._job, rated_as=self._kind or "train")
        self._ended_epoch = False
        self._any_report = self._evaluates_first = False  # whether an evaluation came before all reports
        self._loss: float | None = None  # the last since the last report
        self.reports_end = bool(self._of["end"])
        self.counts_epochs = "epoch" in self._of["speed"].groups

    def read(self, line: str, *, seen: float, rank: int) -> Iterator[Event]:
        """The line's events; see Dialect.read.

        An evaluation in a line that reports training too lay within that training, so it comes first.
        """
        line = line[:LINE]
        found = {name: each.find(line) for name, each in self._of.items() if each}
        reported, progress = found.get("speed"), found.get("progress")
        for captured in (reported, progress, found.get("accuracy")):
            if captured is not None:
                self._places.note(captured)
        if (accuracy := found.get("accuracy")) is not None:
            yield self._evaluation(accuracy, seen, rank, alone=reported is None and self._follows_epoch(accuracy))
            if "loss" in accuracy and reported is None and progress is None:
                yield self._progress(accuracy, seen, rank)
        if reported is not None:
            yield self._progress({**(progress or {}), **reported}, seen, rank)
            yield from self._trained(reported, seen, rank)
        elif progress is not None:
            self._ended_epoch = False
            yield self._progress(progress, seen, rank)
        for name, status in ENDS.items():
            captured = found.get(name)
            if captured is not None:
                yield End(
                    **self._at(captured, seen, rank),
                    status=status,
                    seconds=_known(seconds(captured)),
                    samples=count(captured, "samples"),
                )
                break

    def _follows_epoch(self, evaluation: Captured) -> bool:
        """Whether nothing was trained between the last line of an epoch and this evaluation.

        Where an evaluation came before the first such line, or names an epoch that none has ended yet, the program
        prints the evaluation of an epoch before the line of it.
        """
        self._evaluates_first = self._evaluates_first or not self._any_report
        return self._ended_epoch and not self._evaluates_first and not self._places.is_ahead(evaluation)

    def _trained(self, captured: Captured, seen: float, rank: int) -> Iterator[Event]:
        """The stretch that a line of `speed` ends."""
        self._any_report = True
        at, place = self._instant(captured, seen), self._places.reached(captured)
        if place.unknown:
            self._stretches.began(at)
            return
        told, samples = seconds(captured), count(captured, "samples")
        samples = samples * self._each if samples is not None else None
        if samples is None and place.epochs and self._samples_per_epoch is not None:
            samples = place.epochs * self._samples_per_epoch
        rated = self._rate(captured)
        if self._kind in ("compute", "whole"):  # such seconds are not those of training, but they rate it
            batch = self._job.global_batch_size
            amount = samples if samples is not None or place.steps is None or batch is None else place.steps * batch
            rated = rated if rated is not None or not told or amount is None else amount / told
            told = None
        self._ended_epoch = place.epochs > 0 and "step" not in captured
        yield from self._stretches.trained(
            Stretch(
                t=at,
                seen=seen,
                rank=rank,
                steps=place.steps,
                samples=samples,
                epochs=place.epochs,
                seconds=told,
                rated=rated,
                loss=self._loss,
            )
        )
        self._loss = None

    def _evaluation(self, captured: Captured, seen: float, rank: int, *, alone: bool) -> Event:
        at = self._instant(captured, seen)
        value = self._scaled(captured)
        took = self._stretches.evaluated(at, _known(seconds(captured)), alone=alone)
        return Evaluation(
            **self._at(captured, seen, rank),
            value=value,
            metric=self._job.metric or None,
            samples=count(captured, "samples"),
            epoch=self._places.epoch,
            step=self._places.step_of(captured),
            seconds=took,
            diverged=value is None,
        )

    def _progress(self, captured: Captured, seen: float, rank: int) -> Event:
        loss = number(captured, "loss")
        self._loss = self._loss if loss is None else _known(loss)
        return Progress(
            **self._at(captured, seen, rank),
            step=count(captured, "step"),
            epoch=_known(number(captured, "epoch")),
            loss=_known(loss),
            speed=self._rate(captured),
            diverged=loss is not None and not math.isfinite(loss),
        )

    def _rate(self, captured: Captured) -> float | None:
        """The printed speed in samples/s of the whole job; None where nobody knows."""
        printed, batch = _known(number(captured, "speed")), self._job.global_batch_size
        if printed is None or printed <= 0:
            return None
        if self._unit == "samples/s":
            return printed * self._each
        if self._unit == "s/epoch":
            return None if self._samples_per_epoch is None else self._samples_per_epoch / printed
        if batch is None:
            return None
        return {"steps/s": printed * batch, "s/step": batch / printed, "ms/step": 1000 * batch / printed}[self._unit]

    def _scaled(self, captured: Captured) -> float | None:
        """The printed accuracy in the metric's unit; None where it is not finite."""
        printed = decimal(captured, "accuracy")
        return None if printed is None else _known(scaled(printed, self._scale))

    def _at(self, captured: Captured, seen: float, rank: int) -> dict[str, Any]:
        """What all events share."""
        at = self._instant(captured, seen)
        return {"t": seen if at is None else at, "seen": seen, "rank": rank}

    def _instant(self, captured: Captured, seen: float) -> float | None:
        """When the line was printed: as it is read; in a recorded log, as the log itself says."""
        if not self._job.recorded:
            return seen
        if self._format is None or "time" not in captured:
            return None
        try:
            stamp = datetime.datetime.strptime(captured["time"].strip(), self._format)
            stamp = stamp if stamp.tzinfo else stamp.replace(tzinfo=datetime.timezone.utc)
            return self._job.instant(stamp.timestamp())
        except (ValueError, OverflowError):
            raise EventError(f"'time' is {captured['time']!r:.60}, which is not {self._format!r}") from None

    def _check_use(self, options: Mapping[str, Any]) -> None:
        """Raises OptionError for an option without which something means nothing, or that means nothing itself."""
        if not self._of["speed"] and not self._of["accuracy"]:
            raise OptionError("speed", "is missing; format pattern needs 'speed' or 'accuracy', or both")
        own, all_groups = self._of["speed"].groups, frozenset().union(*(each.groups for each in self._of.values()))
        if options["kind"] is None and (named := [name for name in NO_USE["kind"] if name in own]):
            raise OptionError(
                "kind",
                f"is missing; the group {named[0]!r} of 'speed' needs it: compute (waiting for the loader left out), "
                "train (the loader in, evaluations out) or whole (all in)",
            )
        for name, groups in NO_USE.items():
            if options[name] is not None and not set(groups) & (own if name == "kind" else all_groups):
                raise OptionError(name, f"has no use where no expression has a group {' or '.join(groups)}")
        if "time" in all_groups and options["time"] is None:
            raise OptionError("time", "is missing; the group 'time' needs it, such as '%Y-%m-%d %H:%M:%S,%f'")

    def _check_together(self, scope: Any) -> None:
        if self._unit == "s/epoch" and self._samples_per_epoch is None:
            raise OptionError("unit", "s/epoch needs 'samples_per_epoch'")
        groups = self._of["speed"].groups | self._of["accuracy"].groups
        if scope == "card" and self._unit != "samples/s" and "samples" not in groups:
            raise OptionError("scope", f"card has no use with {self._unit}: every card makes all steps of the job")


def _known(value: float | None) -> float | None:
    """The number where it is finite."""
    return value if value is not None and math.isfinite(value) else None
