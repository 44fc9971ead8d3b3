"""Accuracy: the case's metric at convergence (docs/method.md, section 2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Any, Literal

from pytest_sixdim.core.case import Case, Metric
from pytest_sixdim.core.events import Evaluation, Event
from pytest_sixdim.core.health import cancelled, failure
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.core.results import Measured

Data = Literal["real", "generated"]

#: An evaluation sooner than this share of the case's interval after the one before is flagged.
INTERVAL = 0.95
_EVERY = re.compile(r"\s*([0-9][0-9_.,e]*)\s*([a-z]+)\s*")
_FIELDS = {"epoch": "epoch", "step": "step", "sample": "trained_samples"}


@dataclass(frozen=True)
class Convergence:
    """A run's value at convergence: at the first evaluation that meets the target (`met`), else the best; None
    where no evaluation gave a number."""

    value: float | None
    met: bool
    evaluation: Evaluation | None


def target_of(case: Case, data: Data) -> float | None:
    """What must be reached: the case's target, or its generated_target on generated data."""
    return case.metric.target if data == "real" else case.metric.generated_target


def evaluations(events: Sequence[Event], metric: Metric) -> tuple[Evaluation, ...]:
    """The run's evaluations of the metric, those that name none included; of several ranks, the lowest counts."""
    found = [event for event in events if isinstance(event, Evaluation) and event.metric in (None, metric.name)]
    rank = min((event.rank for event in found), default=0)
    return tuple(event for event in found if event.rank == rank)


def convergence(events: Sequence[Event], metric: Metric, target: float | None) -> Convergence:
    """The run's value at convergence."""
    finite = [(event.value, event) for event in evaluations(events, metric) if event.value is not None]
    if not finite:
        return Convergence(None, False, None)
    for value, event in finite:
        if target is not None and metric.met(value, target):
            return Convergence(value, True, event)
    best = reduce(metric.better_of, [value for value, _ in finite])
    return Convergence(best, False, next(event for value, event in finite if value == best))


def measure_accuracy(case: Case, runs: Sequence[RunRecord], data: Data) -> Measured:
    """The value at convergence of the first full run; the others' are shown.

    Args:
        case: its metric says what counts.
        runs: the full runs.
        data: what they trained on.
    """
    metric, target = case.metric, target_of(case, data)
    runs = sorted(runs, key=lambda run: run.index)
    if not runs:
        return Measured(metric.unit, unknown="no full run")
    first = runs[0]
    reached = convergence(first.events, metric, target)
    detail: dict[str, Any] = {
        "metric": metric.name,
        "better": metric.better,
        "target": target,
        "target_met": reached.met,
        "data": data,
        "evaluations": len(evaluations(first.events, metric)),
        "evaluation": _at(reached.evaluation),
        "runs": [_of(run, metric, target) for run in runs],
    }
    wrong, stopped = failure(first), cancelled(first)
    if wrong is not None:
        return Measured(metric.unit, reached.value, failed=wrong, detail=detail)
    if stopped is not None:
        return Measured(metric.unit, unknown=stopped, detail=detail)
    if reached.value is None or reached.evaluation is None:
        return Measured(metric.unit, unknown=_nothing(first, metric), detail=detail)
    suspect = () if case.is_quick else _too_few(reached.evaluation, metric)
    flags = ["on generated data"] if data == "generated" else []
    if metric.samples is not None and reached.evaluation.samples is None:
        flags.append("the program does not report how many samples it evaluates")
    flags += [] if case.is_quick else _too_often(evaluations(first.events, metric), metric)
    return Measured(metric.unit, reached.value, suspect=suspect, flags=tuple(flags), detail=detail)


def _at(evaluation: Evaluation | None) -> dict[str, Any] | None:
    """Where in training an evaluation stood."""
    if evaluation is None:
        return None
    fields = ("epoch", "step", "trained_samples", "samples", "seconds")
    return {field: getattr(evaluation, field) for field in fields}


def _of(run: RunRecord, metric: Metric, target: float | None) -> dict[str, Any]:
    reached = convergence(run.events, metric, target)
    return {"run": run.name, "seed": run.seed, "value": reached.value, "met": reached.met, "status": run.result.status}


def _nothing(run: RunRecord, metric: Metric) -> str:
    others = sorted({event.metric for event in run.events if isinstance(event, Evaluation) and event.metric})
    seen = f"; the program evaluates {', '.join(others)}" if others else ""
    return f"{run.name} reported no evaluation of {metric.name}{seen}"


def _too_few(evaluation: Evaluation, metric: Metric) -> tuple[str, ...]:
    if metric.samples is None or evaluation.samples is None or evaluation.samples >= metric.samples:
        return ()
    return (f"evaluated on {evaluation.samples} samples, the case says {metric.samples}",)


def _too_often(found: Sequence[Evaluation], metric: Metric) -> list[str]:
    """A program that evaluates more often than the case says has more chances to meet the target."""
    match = _EVERY.fullmatch(metric.every or "")
    field = _FIELDS.get(match[2].removesuffix("s")) if match else None
    if match is None or field is None:
        return []
    every = float(match[1].replace("_", "").replace(",", ""))
    places = [place for place in (getattr(event, field) for event in found) if place is not None]
    # The last may come early: it stands at the end of training.
    if any(b - a < INTERVAL * every for a, b in pairwise(places[:-1])):
        return [f"evaluated more often than every {metric.every}"]
    return []
