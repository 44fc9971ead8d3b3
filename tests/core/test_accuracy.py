from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.accuracy import convergence, measure_accuracy, target_of
from pytest_sixdim.core.case import Metric

from .builders import METRIC, case, evaluation, run

VALUES = st.lists(st.integers(0, 1000).map(lambda n: n / 10), min_size=1, max_size=12)
LOWER = replace(METRIC, better="lower")


def reached(values: list[float | None], metric: Metric = METRIC, target: float | None = 75.9):
    return convergence([evaluation(float(t), value) for t, value in enumerate(values)], metric, target)


def test_the_value_is_that_of_the_first_evaluation_that_meets_the_target() -> None:
    measured = measure_accuracy(case(), [run(values=(70.0, 76.2, 77.3))], "real")
    assert (measured.value, measured.unit) == (76.2, "%")
    assert measured.detail["target_met"] is True
    assert measured.detail["evaluation"]["epoch"] == 2
    assert measured.suspect == measured.flags == ()


def test_standing_on_the_target_meets_it() -> None:
    assert reached([75.8, 75.9]).met


def test_the_best_value_where_no_evaluation_meets_the_target() -> None:
    measured = measure_accuracy(case(), [run(values=(70.0, 75.8, 74.0))], "real")
    assert measured.value == 75.8
    assert measured.detail["target_met"] is False


@given(VALUES, st.integers(0, 1000).map(lambda n: n / 10))
def test_lower_is_better_mirrors_higher_is_better(values: list[float], target: float) -> None:
    higher, lower = reached(list(values), METRIC, target), reached([-v for v in values], LOWER, -target)
    assert higher.value is not None
    assert (-higher.value, higher.met) == (lower.value, lower.met)


@given(VALUES, st.integers(0, 1000).map(lambda n: n / 10))
def test_the_value_meets_the_target_if_any_does(values: list[float], target: float) -> None:
    found = reached(list(values), METRIC, target)
    assert found.met == any(value >= target for value in values)
    assert found.value == (next(v for v in values if v >= target) if found.met else max(values))


def test_a_value_that_is_not_finite_is_passed_over() -> None:
    assert reached([70.0, None, 74.0]).value == 74.0
    assert reached([None]).value is None


def test_generated_data_has_its_own_target() -> None:
    measured = measure_accuracy(case(), [run(values=(80.0, 95.5))], "generated")
    assert (measured.value, measured.detail["target"]) == (95.5, 95.0)
    assert "on generated data" in measured.flags
    assert target_of(case(metric=replace(METRIC, generated_target=None)), "generated") is None


def test_the_first_runs_value_counts_and_the_others_are_shown() -> None:
    runs = [run(2, values=(78.0,)), run(1, values=(76.0,)), run(3, values=(70.0,))]
    measured = measure_accuracy(case(), runs, "real")
    assert measured.value == 76.0
    shown = [(r["run"], r["value"], r["met"]) for r in measured.detail["runs"]]
    assert shown == [("full-1", 76.0, True), ("full-2", 78.0, True), ("full-3", 70.0, False)]


def test_a_run_that_crashed_fails_whatever_it_reached() -> None:
    measured = measure_accuracy(case(), [run(status="crashed"), run(2)], "real")
    assert measured.failed == "full-1 crashed"


def test_a_later_run_that_crashed_does_not_matter() -> None:
    assert measure_accuracy(case(), [run(), run(2, status="crashed")], "real").failed is None


def test_a_cancelled_run_and_no_run_are_unknown() -> None:
    measured = measure_accuracy(case(), [run(status="cancelled")], "real")
    assert (measured.value, measured.unknown) == (None, "full-1 was cancelled")
    assert measure_accuracy(case(), [], "real").unknown == "no full run"


def test_no_evaluation_is_unknown_and_names_what_there_is() -> None:
    assert measure_accuracy(case(), [run(values=())], "real").unknown == "full-1 reported no evaluation of top1"
    other = run(values=(), more=[evaluation(5.0, 1.0, metric="loss")])
    assert measure_accuracy(case(), [other], "real").unknown == (
        "full-1 reported no evaluation of top1; the program evaluates loss"
    )


def test_an_evaluation_without_a_name_is_of_the_metric() -> None:
    unnamed = run(values=(), more=[evaluation(5.0, 76.0, metric=None)])
    assert measure_accuracy(case(), [unnamed], "real").value == 76.0


def test_of_several_ranks_the_lowest_counts() -> None:
    reported = [evaluation(1.0, 99.0, rank=1), evaluation(1.0, 76.0)]
    assert convergence(reported, METRIC, 75.9).value == 76.0


@pytest.mark.parametrize(("samples", "credible"), [(50_000, True), (60_000, True), (49_999, False)])
def test_fewer_samples_than_the_case_states_are_suspect(samples: int, credible: bool) -> None:
    stated = case(metric=replace(METRIC, samples=50_000))
    evaluated = run(values=(), more=[evaluation(5.0, 76.0, samples=samples)])
    suspect = measure_accuracy(stated, [evaluated], "real").suspect
    assert suspect == (() if credible else ("evaluated on 49999 samples, the case says 50000",))
    assert measure_accuracy(replace(stated, is_quick=True), [evaluated], "real").suspect == ()


def test_an_evaluation_set_of_unknown_size_is_flagged() -> None:
    measured = measure_accuracy(case(metric=replace(METRIC, samples=50_000)), [run()], "real")
    assert measured.flags == ("the program does not report how many samples it evaluates",)


@pytest.mark.parametrize(
    ("every", "flagged"), [("1 epoch", False), ("2 epochs", True), ("50_000 samples", False), ("80000 samples", True)]
)
def test_evaluating_more_often_than_the_case_says_is_flagged(every: str, flagged: bool) -> None:
    stated = case(metric=replace(METRIC, every=every))
    flags = measure_accuracy(stated, [run(values=(1.0, 2.0, 3.0, 76.0))], "real").flags
    assert flags == ((f"evaluated more often than every {every}",) if flagged else ())


def test_the_last_evaluation_may_come_early() -> None:
    stated = case(metric=replace(METRIC, every="1 epoch"))
    early = run(values=(1.0, 2.0), more=[evaluation(3000.0, 76.0, epoch=2.5)])
    assert measure_accuracy(stated, [early], "real").flags == ()


def test_an_early_evaluation_that_is_not_the_last_is_flagged() -> None:
    stated = case(metric=replace(METRIC, every="1 epoch"))
    more = [evaluation(1500.0, 2.0, epoch=1.5), evaluation(2500.0, 76.0, epoch=2.5)]
    assert measure_accuracy(stated, [run(values=(1.0,), more=more)], "real").flags == (
        "evaluated more often than every 1 epoch",
    )


def test_a_metric_without_a_target_has_a_best_value() -> None:
    measured = measure_accuracy(case(metric=replace(METRIC, target=None)), [run(values=(3.0, 5.0, 4.0))], "real")
    assert (measured.value, measured.detail["target"]) == (5.0, None)
