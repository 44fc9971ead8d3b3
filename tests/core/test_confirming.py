"""Which figures are measured again, and what three of them come to."""

from __future__ import annotations

import pytest

from pytest_sixdim.core.baseline import SpeedKind
from pytest_sixdim.core.confirming import is_near, median_of
from pytest_sixdim.core.dimensions import UNITS, Dimension
from pytest_sixdim.core.judging import judge
from pytest_sixdim.core.results import DimensionResult, Measured, Verdict
from tests.core.builders import CONFIGURATION, baseline, case, figure, measurements


def result(
    value: float, *, dimension: Dimension = "speed", verdict: Verdict = "pass", limit: float | None = 1000.0
) -> DimensionResult:
    applied = None if limit is None else {"value": limit, "text": f"{limit}", "against": "case", "default": None}
    return DimensionResult(dimension, verdict, "because", value=value, limit=applied)


@pytest.mark.parametrize(("value", "near"), [(1010.0, True), (1010.1, False), (990.0, True), (989.9, False)])
def test_one_percent_of_the_limit_is_near_on_either_side(value: float, near: bool) -> None:
    assert is_near(result(value), None) is near
    assert is_near(result(value), 0.0019) is near


@pytest.mark.parametrize(("value", "near"), [(1050.0, True), (1050.1, False), (950.0, True), (949.9, False)])
def test_five_times_the_variation_is_near_where_that_is_more(value: float, near: bool) -> None:
    assert is_near(result(value), 0.01) is near


@pytest.mark.parametrize("verdict", ["unjudged", "unknown", "suspect", "not applicable"])
def test_only_a_judged_figure_can_be_near(verdict: Verdict) -> None:
    assert not is_near(result(1000.0, verdict=verdict), 0.1)


@pytest.mark.parametrize("dimension", ["accuracy", "stability"])
def test_accuracy_and_stability_are_never_measured_again(dimension: Dimension) -> None:
    assert not is_near(result(1000.0, dimension=dimension), 0.1)


def test_a_failed_run_has_no_limit_to_be_near_to() -> None:
    assert not is_near(result(1000.0, verdict="fail", limit=None), 0.1)


def test_a_negative_or_zero_limit_has_a_margin_too() -> None:
    assert is_near(result(-1000.0, limit=-1005.0), None)
    assert not is_near(result(1.0, limit=0.0), None)


def judged(dimension: Dimension, measured: Measured, kind: SpeedKind = "train", **texts: str) -> DimensionResult:
    figures = {name: figure(text, UNITS[name]) for name, text in texts.items()}
    entry = baseline(figures=figures, speed_kind=kind)
    return judge(dimension, case(), CONFIGURATION, measurements(dimensions={dimension: measured}), entry)


def test_a_speed_of_another_kind_is_near_by_that_kind() -> None:
    measured = Measured("samples/s", 800.0, detail={"kinds": {"train": 800.0, "compute": 952.0}})
    near = judged("speed", measured, speed="1000", kind="compute")
    assert near.verdict == "pass"
    assert is_near(near, None)
    far = judged("speed", measured, speed="700", kind="compute")
    assert not is_near(far, None)


def test_power_is_near_by_watts_or_by_joules_per_sample() -> None:
    # 250 W on 8 cards at 1000 samples/s: at most 262.5 W, and 2.1 J per sample (and what the last digits round)
    def power(watts: float, joules: float) -> DimensionResult:
        detail = {"joules_per_sample": joules, "joules_per_sample_of": {"train": joules}}
        return judged("power", Measured("W", watts, detail=detail), power="250.0", speed="1000.0")

    assert is_near(power(262.0, 1.9), None)
    assert not is_near(power(250.0, 1.9), None)
    assert not is_near(power(300.0, 1.9), None)
    near_joules = power(300.0, 2.11)
    assert near_joules.verdict == "fail"
    assert is_near(near_joules, None)
    assert not is_near(power(300.0, 2.4), None)


def test_memory_is_near_to_what_it_may_fill_of_the_card() -> None:
    measured = Measured("GiB", 77.9, detail={"total_gib": 80.0})
    assert is_near(judged("memory", measured, memory="77.0"), None)  # 78.4 of 80 GiB
    assert not is_near(judged("memory", Measured("GiB", 77.9), memory="77.0"), None)


def figures(*values: float | None, **fields: object) -> dict[str, Measured]:
    names = ("full-1", "window-1", "window-2")
    return {name: Measured("samples/s", value) for name, value in zip(names, values, strict=False)}


def test_the_median_is_judged_and_all_three_are_shown() -> None:
    median = median_of("speed", figures(1234.0, 1240.0, 1229.0))
    assert median.value == 1234.0
    assert median.detail["confirmation"] == {"full-1": 1234.0, "window-1": 1240.0, "window-2": 1229.0}
    assert median.flags == ("confirmed: median of 1234, 1240, 1229 samples/s",)


def test_the_rest_of_the_detail_is_that_of_the_run_with_the_median() -> None:
    runs = {
        name: Measured("W", watts, detail={"readings": readings, "joules_per_sample": joules, "card0_watts": None})
        for name, watts, readings, joules in (("a", 300.0, 1, 0.3), ("b", 200.0, 2, 0.1), ("c", 250.0, 3, 0.4))
    }
    detail = median_of("power", runs).detail
    assert (detail["readings"], detail["joules_per_sample"], detail["card0_watts"]) == (3, 0.3, None)


def test_every_kind_of_speed_has_a_median_of_its_own() -> None:
    kinds = [(900.0, None), (890.0, 700.0), (910.0, 800.0)]
    runs = {
        str(number): Measured("samples/s", train, detail={"kinds": {"train": train, "compute": compute}})
        for number, (train, compute) in enumerate(kinds)
    }
    assert median_of("speed", runs).detail["kinds"] == {"train": 900.0, "compute": None}


def test_one_suspect_figure_makes_the_median_suspect() -> None:
    runs = figures(1000.0, 1001.0, 1002.0)
    runs["window-2"] = Measured("samples/s", 1002.0, suspect=("hot",), flags=("short window",))
    median = median_of("speed", runs)
    assert median.value == 1001.0
    assert median.suspect == ("window-2: hot",)
    assert "window-2: short window" in median.flags


def test_what_all_runs_say_is_said_once() -> None:
    runs = {
        name: Measured("W", watts, flags=(f"idle at {watts} W",))
        for name, watts in (("a", 1.0), ("b", 2.5), ("c", 3.0))
    }
    assert median_of("power", runs).flags == ("confirmed: median of 1, 2.5, 3 W", "idle at 2.5 W")


def test_a_crashed_run_fails_and_keeps_what_was_measured() -> None:
    runs = {**figures(1000.0), "window-1": Measured("samples/s", failed="window-1 crashed: rank 0: boom")}
    median = median_of("speed", runs)
    assert (median.value, median.failed) == (1000.0, "near its limit and run again: window-1 crashed: rank 0: boom")
    assert median.detail["confirmation"] == {"full-1": 1000.0, "window-1": None}


def test_a_run_without_a_figure_leaves_it_unconfirmed() -> None:
    runs = {**figures(1000.0), "window-1": Measured("samples/s", unknown="no sensor")}
    median = median_of("speed", runs)
    assert (median.value, median.failed) == (None, None)
    assert median.unknown == "near its limit, not confirmed: window-1: no sensor"
