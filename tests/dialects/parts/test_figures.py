"""Numbers, stamps and the case's metric in foreign programs' lines."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from pytest_sixdim.core.events import EventError
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.figures import MetricChoice, count, figure, instant, progress, scaled, seconds_of


@pytest.mark.parametrize("text", ["nan", "-inf", "inf", "1e999", "9" * 200, "", "many"])
def test_what_is_no_finite_number_is_none(text: str) -> None:
    assert figure(text) is None
    assert count(text) is None


def test_a_loss_that_is_not_finite_has_diverged_and_a_missing_one_has_not() -> None:
    assert progress(t=1.0, seen=1.0, rank=0, loss="nan").diverged
    assert not progress(t=1.0, seen=1.0, rank=0).diverged


@pytest.mark.parametrize(("text", "unit", "seconds"), [("5", "s", 5.0), ("5", "ms", 0.005), ("5", "us", 5e-6)])
def test_durations_have_units(text: str, unit: str, seconds: float) -> None:
    assert seconds_of(text, unit) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["-1", "nan", "1e30"])
def test_what_no_training_takes_is_no_duration(text: str) -> None:
    with pytest.raises(EventError, match="no duration"):
        seconds_of(text, "s")


def test_live_a_line_was_printed_when_it_was_read() -> None:
    assert instant("[2022/09/15 11:55:32] loss", Job(unix=1e9), 7.0) == 7.0


@pytest.mark.parametrize(
    ("line", "unix"),
    [
        ("[2022/09/15 11:55:32] ppcls", 1663242932.0),
        ("2023-07-07 12:28:57,802\tINFO", 1688732937.802),
        ("[2026-09-08 20:31:37.112485] iteration", 1788899497.112485),
        ("2022-13-15 11:55:32", None),
        ("step 7", None),
    ],
)
def test_in_a_recorded_log_a_lines_own_stamp_counts(line: str, unix: float | None) -> None:
    assert instant(line, Job(recorded=True), 7.0) == unix


def value(case: str, figures: dict[str, str], **options: object) -> float | None:
    choice = MetricChoice(Job(metric=case), **{"metric": None, **options})  # type: ignore[arg-type]
    (told,) = choice.evaluations(figures, t=1.0, seen=1.0, rank=0)
    return told.value


@pytest.mark.parametrize("metric", ["top1", "accuracy", "Top-1 accuracy", "top_1_accuracy"])
def test_the_metric_is_found_by_its_usual_names(metric: str) -> None:
    assert value(metric, {"loss": "0.5", "Top_1_Accuracy": "71.5", "Top_5_Accuracy": "90"}) == 71.5


def test_the_name_that_the_case_uses_comes_before_others_of_the_same_thing() -> None:
    assert value("accuracy", {"acc": "0.1", "accuracy": "0.2"}) == 0.2


def test_an_option_names_another_figure() -> None:
    assert value("accuracy", {"acc": "0.1", "mAP": "0.2"}, metric="mAP") == 0.2


def test_another_figure_is_never_taken_instead() -> None:
    with pytest.raises(
        EventError, match=r"no figure of 'mAP' in this evaluation, only loss, top1; name one with log.m"
    ):
        value("mAP", {"loss": "1", "top1": "2"})
    with pytest.raises(EventError, match="no figure of 'f1'"):
        value("top1", {"loss": "1", "top1": "2"}, metric="f1")


def test_a_fraction_becomes_percent_only_where_the_case_says_so() -> None:
    assert value("top1", {"top1": "0.75"}) == 0.75
    assert value("top1", {"top1": "0.75"}, scale=100) == 75.0
    assert value("top1", {"top1": "75.0%"}, scale=100) == 75.0


def test_a_metric_that_is_not_finite_is_an_evaluation_that_diverged() -> None:
    (told,) = MetricChoice(Job(metric="loss"), None).evaluations({"loss": "nan"}, t=1.0, seen=1.0, rank=0)
    assert told.value is None
    assert told.diverged


@pytest.mark.parametrize("text", ["None", "(0.5, 0.9)", ""])
def test_a_metric_that_is_no_number_is_a_broken_line_and_no_divergence(text: str) -> None:
    with pytest.raises(EventError, match=r"accuracy is .*, which is no number"):
        value("accuracy", {"accuracy": text})


def test_an_evaluation_without_the_metric_is_one_all_the_same() -> None:
    """Else the time that it took would count as training."""
    told = MetricChoice(Job(metric="mAP"), None).evaluations({"loss": "nan", "top1": "2"}, t=1.0, seen=1.0, rank=0)
    other = next(told)
    assert (other.metric, other.value) == ("top1", 2.0)
    with pytest.raises(EventError):
        next(told)


def test_an_evaluation_without_figures_is_a_broken_line() -> None:
    with pytest.raises(EventError, match="without figures"):
        value("accuracy", {})


def test_the_cases_metric_is_never_that_of_the_same_name_where_the_case_says_another() -> None:
    told = MetricChoice(Job(metric="top1"), "f1").evaluations({"top1": "2", "loss": "1"}, t=1.0, seen=1.0, rank=0)
    assert next(told).metric == "loss"


@pytest.mark.parametrize(("printed", "expected"), [(0.57, 57.0), ("0.57", 57.0), (0.29, 29.0), ("1e-5", 1e-3)])
def test_a_metric_is_multiplied_in_decimal(printed: float | str, expected: float) -> None:
    assert scaled(printed, Decimal(100)) == expected
    assert 0.57 * 100 < 57


@pytest.mark.parametrize("printed", [float("nan"), "inf", "1e999999", 1e300])
def test_what_is_not_finite_is_not_once_it_is_multiplied(printed: float | str) -> None:
    assert math.isnan(scaled(printed, Decimal("1e12")))


@pytest.mark.parametrize(("option", "given"), [("metric", 5), ("metric", " "), ("scale", "percent"), ("scale", -1)])
def test_options_that_mean_nothing_are_refused(option: str, given: object) -> None:
    with pytest.raises(OptionError) as refused:
        MetricChoice(Job(), **{"metric": None, option: given})  # type: ignore[arg-type]
    assert refused.value.option == option
