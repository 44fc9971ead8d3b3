from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.dimensions import BETTER, DIMENSIONS, Dimension
from pytest_sixdim.core.results import DimensionResult, Verdict
from pytest_sixdim.core.scores import overall, ratio_score


def result(dimension: Dimension, score: float | None, verdict: Verdict = "pass") -> DimensionResult:
    return DimensionResult(dimension, verdict, "", score=score)


def results(**scores: float | None) -> dict[Dimension, DimensionResult | None]:
    return {d: result(d, scores[d]) if d in scores else None for d in DIMENSIONS}


@pytest.mark.parametrize(
    ("dimension", "score"),
    [("speed", 0.8), ("linearity", 0.8), ("stability", 0.8), ("power", 1.25), ("memory", 1.0)],
)
def test_value_over_baseline_or_baseline_over_value(dimension: Dimension, score: float) -> None:
    assert ratio_score(dimension, 80.0, 100.0) == pytest.approx(score)


@given(st.sampled_from(DIMENSIONS), st.floats(0.0, 1e9), st.floats(1e-3, 1e9))
def test_scores_are_clipped(dimension: Dimension, value: float, baseline: float) -> None:
    score = ratio_score(dimension, value, baseline)
    assert score is None or 0 <= score <= (1.0 if dimension in ("memory", "accuracy") else 1.25)


@given(st.sampled_from(DIMENSIONS), st.floats(1, 100), st.floats(1, 100))
def test_a_better_value_never_scores_less(dimension: Dimension, a: float, b: float) -> None:
    worse, better = sorted((a, b), reverse=BETTER[dimension] == "lower")
    scores = [ratio_score(dimension, value, 10.0) for value in (worse, better)]
    assert scores[0] is not None
    assert scores[1] is not None
    assert scores[0] <= scores[1]


def test_nothing_is_divided_by_nothing() -> None:
    assert ratio_score("speed", 1.0, 0.0) is None
    assert ratio_score("power", 0.0, 1.0) is None


def test_the_overall_score_is_the_geometric_mean() -> None:
    total = overall(results(speed=0.8, power=1.25, accuracy=1.0))
    assert total.value == pytest.approx(1.0)
    assert total.dimensions == ("speed", "power", "accuracy")
    assert str(total) == "1.000"


@given(st.lists(st.floats(0.01, 1.25), min_size=6, max_size=6))
def test_the_overall_score_lies_among_the_scores(scores: list[float]) -> None:
    total = overall(results(**dict(zip(DIMENSIONS, scores, strict=True)))).value
    assert total is not None
    assert min(scores) * (1 - 1e-9) <= total <= max(scores) * (1 + 1e-9)
    assert total == pytest.approx(math.prod(scores) ** (1 / 6))


def test_one_zero_makes_the_overall_score_zero() -> None:
    assert overall(results(speed=1.25, accuracy=0.0)).value == 0.0


@pytest.mark.parametrize("verdict", ["unknown", "unjudged", "suspect"])
def test_what_was_not_judged_leaves_no_overall_score(verdict: Verdict) -> None:
    total = overall({**results(speed=1.0), "power": result("power", None, verdict)})
    assert total.value is None
    assert str(total) == f"none: power {verdict}"


def test_a_zero_does_not_hide_what_was_not_judged() -> None:
    assert overall({**results(accuracy=0.0), "power": result("power", None, "unknown")}).value is None


def test_a_pass_without_a_baseline_leaves_no_overall_score() -> None:
    assert str(overall(results(speed=None))) == "none: speed has no baseline"


def test_what_does_not_apply_is_left_out() -> None:
    total = overall({**results(speed=0.5), "linearity": result("linearity", None, "not applicable")})
    assert (total.value, total.dimensions) == (pytest.approx(0.5), ("speed",))
    assert overall({"linearity": result("linearity", None, "not applicable")}).reason == "no dimension applies"


def test_nothing_asked_has_no_overall_score() -> None:
    assert str(overall(results())) == "none: no dimension was asked for"
