"""From what was measured to a verdict (docs/method.md, "Verdicts")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_sixdim.core.accuracy import target_of
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.comparing import Answer, Question, comparable, compare, score_of
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.limits import AppliedLimit
from pytest_sixdim.core.power_rule import judge_power
from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.results import DimensionResult, Measured, Measurements

#: What a missed target leaves to be judged, and marks.
_TRAINED: tuple[Dimension, ...] = ("speed", "power", "memory", "linearity")
#: What quick settings judge, beside the health of the processes.
_QUICK: tuple[Dimension, ...] = ("accuracy", "stability")


def judge(
    dimension: Dimension,
    case: Case,
    configuration: Configuration,
    measurements: Measurements,
    baseline: Baseline | None,
    nearest: str | None = None,
) -> DimensionResult:
    """The verdict on one dimension.

    Args:
        dimension: which.
        case: its metric, target and limits.
        configuration: that was measured.
        measurements: what was measured.
        baseline: the entry that matches, or None.
        nearest: how the nearest entry differs; by default `measurements.nearest`.

    `--sixdim-strict` is not known here: it changes what a test does, never a verdict.
    """
    measured = measurements.dimensions.get(dimension) or Measured("", unknown="not measured")
    nearest = measurements.nearest if nearest is None else nearest
    question = Question(dimension, case, configuration, measurements, measured, baseline, nearest)
    answer = _without_a_figure(question) or _before_any_limit(question) or _by_a_limit(question)
    flags = [*measured.flags, *answer.flags]
    if dimension in _TRAINED and _target_missed(measurements):
        flags.append("convergence not shown")
    detail = dict(measured.detail)
    if (disputed := _disputed(question)) is not None:
        detail["disputed"] = disputed
    if measured.unjudged is not None:
        detail["unjudged"] = measured.unjudged
    return DimensionResult(
        dimension=dimension,
        verdict=answer.verdict,
        reason=answer.reason,
        unit=measured.unit,
        value=measured.value,
        baseline=_compared_with(question),
        limit=answer.limit.to_json() if answer.limit else None,
        score=answer.score,
        flags=tuple(dict.fromkeys(flags)),
        detail=detail,
        compared=answer.compared,
    )


def _without_a_figure(question: Question) -> Answer | None:
    """Nothing to compare: the question has no answer, a run failed, or nothing could be measured."""
    measured = question.measured
    if measured.not_applicable is not None:
        return Answer("not applicable", measured.not_applicable)
    if measured.failed is not None:
        if measured.value is None or question.dimension == "accuracy":
            return Answer("fail", measured.failed, score=0.0)
        return Answer("fail", measured.failed, score=score_of(question, comparable(question)))
    if measured.value is None or measured.unknown is not None:
        return Answer("unknown", measured.unknown or "not measured")
    return None


def _before_any_limit(question: Question) -> Answer | None:
    """A figure that no limit may judge."""
    measured = question.measured
    if question.measurements.quick and question.dimension not in _QUICK:
        doubts = f"; not credible either: {'; '.join(measured.suspect)}" if measured.suspect else ""
        return Answer("unjudged", f"quick: {question.quantity}{doubts}")
    if measured.suspect:
        return Answer("suspect", f"{question.quantity}: {'; '.join(measured.suspect)}")
    if measured.unjudged is not None:
        return Answer("unjudged", f"{measured.unjudged}: {question.quantity}")
    return None


def _by_a_limit(question: Question) -> Answer:
    if question.dimension == "accuracy":
        return _accuracy(question)
    return judge_power(question) if question.dimension == "power" else compare(question)


def _accuracy(question: Question) -> Answer:
    """The case's target decides; a baseline's accuracy is only shown."""
    metric, value = question.case.metric, question.measured.value
    assert value is not None
    target = target_of(question.case, question.measurements.data)
    if (disputed := _disputed(question)) is not None:
        return Answer("unjudged", f"disputed: {disputed}: {question.quantity}")
    if target is None:
        which = "generated_target" if question.measurements.data == "generated" else "target"
        return Answer("unjudged", f"the case has no {which}: {question.quantity}")
    text = f"{'>=' if metric.better == 'higher' else '<='} {shown(target)} {metric.unit}".rstrip()
    met = metric.met(value, target)
    on = " on generated data" if question.measurements.data == "generated" else ""
    reason = f"{metric.name} {question.quantity}{on} {'meets' if met else 'misses'} the target {text}"
    if not met:
        reason += f" by {shown(abs(target - value))}"
    return Answer("pass" if met else "fail", reason, AppliedLimit(target, text, "case"), score=1.0 if met else 0.0)


def _disputed(question: Question) -> str | None:
    """Why the baseline's figure, or the target that accuracy is judged by, is disputed."""
    if question.baseline is None:
        return None
    disputed = question.baseline.disputed
    also = disputed.get("target") if question.dimension == "accuracy" else None
    return disputed.get(question.dimension, also)


def _target_missed(measurements: Measurements) -> bool:
    accuracy = measurements.dimensions.get("accuracy")
    if accuracy is None or accuracy.not_applicable is not None:
        return False
    return accuracy.failed is not None or accuracy.detail.get("target_met") is False


def _compared_with(question: Question) -> Mapping[str, Any] | None:
    """The baseline's figure as results carry it."""
    baseline, figure = question.baseline, question.figure
    if baseline is None or figure is None:
        return None
    return {
        "value": figure.value,
        "text": figure.text,
        "unit": figure.unit,
        "kind": baseline.speed_kind if question.dimension == "speed" else None,
        "source": baseline.source,
        "date": baseline.date,
        "origin": baseline.origin,
    }
