from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Band, StabilityRule
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.stability import measure_stability, median, within_band

from .builders import METRIC, case, evaluation, run

#: DeepSpark six_dimension_howto, ResNet-50.
PUBLISHED = (77.360, 76.816, 77.116, 76.960, 77.010)


def stability(
    values: Sequence[float], rule: StabilityRule | None = None, planned: int = 5, **fields: object
) -> Measured:
    runs = [run(index, values=(value,)) for index, value in enumerate(values, 1)]
    return measure_stability(case(stability=rule or StabilityRule(), **fields), runs, planned=planned, data="real")


def test_the_published_example() -> None:
    measured = stability(PUBLISHED)
    assert (measured.value, measured.unit) == (1.0, "")
    assert measured.detail["base"] == 77.010
    assert [r["outcome"] for r in measured.detail["runs"]] == ["inside"] * 5
    assert measured.detail["runs"][0]["off_by"] == pytest.approx(0.35)
    assert measured.suspect == measured.flags == ()


@given(st.permutations(PUBLISHED))
def test_the_order_of_runs_does_not_matter(values: list[float]) -> None:
    assert stability(values).value == 1.0
    assert stability(values).detail["base"] == 77.010


@given(st.integers(0, 2), st.floats(1.0, 100.0), st.booleans())
def test_each_stray_costs_a_fifth(strays: int, by: float, upwards: bool) -> None:
    values = [80.0] * (5 - strays) + [80.0 * (1.011 + by) if upwards else 76.0] * strays
    assert stability(values).value == (5 - strays) / 5


@pytest.mark.parametrize(
    ("value", "inside"),
    [(100.99, True), (101.0, False), (101.01, False), (99.01, True), (99.0, False), (98.99, False)],
)
def test_the_edge_of_the_band_is_off(value: float, inside: bool) -> None:
    assert stability((100.0, 100.0, 100.0, 100.0, value)).value == (1.0 if inside else 0.8)


def test_the_edge_is_exact_in_decimal_where_it_is_not_in_binary() -> None:
    """1.1 - 1.0 is 0.10000000000000009 in binary floating point, 76.23 / 0.77 is 99.00000000000001."""
    band = Band(0.1, relative=False)
    assert not within_band(1.1, Decimal("1.0"), band)
    assert not within_band(0.9, Decimal("1.0"), band)
    assert not within_band(0.7777, Decimal("0.77"), Band(0.01))
    assert within_band(0.7776, Decimal("0.77"), Band(0.01))


@given(st.integers(-10_000, 10_000), st.integers(1, 10_000), st.integers(1, 500))
def test_relative_and_absolute_bands_agree_where_they_should(base: int, off: int, percent: int) -> None:
    """In hundredths: a relative band of p % around the base is an absolute one of p % of it."""
    value, centre = (base + off) / 100, Decimal(base) / 100
    relative = within_band(value, centre, Band(percent / 100))
    absolute = within_band(value, centre, Band(float(abs(centre) * percent / 100), relative=False))
    assert relative == absolute == (off * 100 < abs(base) * percent)


def test_a_relative_band_scores_an_error_rate_otherwise_than_its_complement() -> None:
    rates = (3.2, 3.3, 3.4, 3.5, 3.6)
    error = METRIC.__class__("wer", "%", "lower", 4.0)
    runs = [run(i, values=(), more=[evaluation(9.0, rate, metric="wer")]) for i, rate in enumerate(rates, 1)]

    def score(rule: StabilityRule) -> float | None:
        return measure_stability(case(metric=error, stability=rule), runs, planned=5, data="real").value

    assert score(StabilityRule()) == 0.2
    assert score(StabilityRule(band=Band(1.0, relative=False, unit="%"))) == 1.0
    assert stability([100 - rate for rate in rates]).value == 1.0


def test_the_median_of_an_even_number_lies_between_the_middle_two() -> None:
    assert median([76.1, 76.2, 76.3, 76.4]) == Decimal("76.25")
    assert median([]) is None


def test_a_run_that_missed_the_target_did_not_converge() -> None:
    measured = stability((77.0, 77.0, 77.0, 77.0, 75.0))
    assert measured.value == 0.8
    assert measured.failed is None
    assert measured.detail["runs"][4]["outcome"] == "did not converge"
    assert measured.detail["converged"] == 4


@pytest.mark.parametrize(("missed", "score"), [(2, 0.6), (3, 0.0)])
def test_fewer_than_three_converged_runs_score_nothing(missed: int, score: float) -> None:
    measured = stability((77.0,) * (5 - missed) + (75.0,) * missed)
    assert measured.value == score
    assert bool(measured.flags) is (missed > 2)


@pytest.mark.parametrize("status", ["crashed", "timeout", "stalled", "diverged", "no_end", "out_of_memory"])
def test_a_crash_a_hang_and_a_divergence_fail_whatever_the_score(status: str) -> None:
    runs = [run(index, values=(77.0,)) for index in range(1, 5)] + [run(5, values=(77.0,), status=status)]
    measured = measure_stability(case(), runs, planned=5, data="real")
    assert measured.value == 0.8
    assert measured.failed is not None
    assert measured.failed.startswith("full-5 ")
    assert measured.detail["runs"][4]["outcome"] == status


def after(last: RunRecord, *earlier: RunRecord) -> RunRecord:
    """A run of which these attempts had failed before."""
    launches = [replace(one, order={"attempt": number}) for number, one in enumerate((*earlier, last), 1)]
    return replace(launches[-1], earlier=tuple(launches[:-1]))


def test_a_device_that_failed_costs_its_share_though_a_later_attempt_converged() -> None:
    lost = run(2, status="card_lost", message="GPU is lost", fault="device")
    taken = run(3, status="launch_error", message="port 29500 is taken", fault="host")
    runs = [run(1), after(run(2), lost), after(run(3), taken), run(4), run(5)]
    measured = measure_stability(case(), runs, planned=5, data="real")
    assert (measured.value, measured.detail["converged"]) == (0.8, 4)
    assert measured.failed == "full-2 attempt 1 lost a card: GPU is lost; retried for the figures"
    assert [r["outcome"] for r in measured.detail["runs"]] == ["inside", "card_lost", "inside", "inside", "inside"]


def test_two_attempts_that_a_device_failed_cost_one_share() -> None:
    lost = [run(2, status=status, fault="device") for status in ("card_lost", "crashed")]
    measured = measure_stability(case(), [run(1), after(run(2), *lost), run(3), run(4), run(5)], planned=5, data="real")
    assert measured.value == 0.8
    assert measured.failed == "full-2 attempt 1 lost a card, attempt 2 crashed; retried for the figures"


def test_a_run_whose_attempts_all_failed_fails_as_the_last_did() -> None:
    lost = run(2, status="card_lost", fault="device")
    full = run(2, status="crashed", message="the disk is full", fault="host")
    measured = measure_stability(case(), [after(full, lost), run(1)], planned=2, data="real")
    assert measured.failed == "full-2 crashed after 2 attempts: the disk is full"
    assert measured.detail["runs"][1]["outcome"] == "crashed"
    bad = run(2, status="crashed", message="boom", fault="program")
    assert measure_stability(case(), [after(bad, lost)], planned=1, data="real").failed == (
        "full-2 crashed in attempt 2: boom"
    )


def test_a_run_that_was_cancelled_after_its_card_was_lost_has_failed() -> None:
    runs = [after(run(1, status="cancelled"), run(1, status="card_lost", fault="device"))]
    assert measure_stability(case(), runs, planned=1, data="real").failed is not None


def test_a_crash_fails_even_where_runs_are_missing() -> None:
    measured = measure_stability(case(), [run(1, status="crashed")], planned=5, data="real")
    assert (measured.value, measured.failed) == (None, "full-1 crashed")


def test_missing_and_cancelled_runs_are_unknown() -> None:
    assert stability((77.0,) * 4).unknown == "4 of 5 runs are there"
    runs = [run(index) for index in range(1, 5)] + [run(5, status="cancelled")]
    measured = measure_stability(case(), runs, planned=5, data="real")
    assert (measured.value, measured.unknown) == (None, "full-5 was cancelled")


def test_another_number_of_runs_is_flagged() -> None:
    measured = stability((77.0, 77.0, 60.0 + 17.0, 80.0), planned=4)
    assert measured.value == 0.75
    assert measured.flags == ("4 runs, not 5: the score meets no published baseline",)
    assert measured.detail["planned"] == 4


def test_without_a_target_there_is_no_convergence() -> None:
    untargeted = case(metric=METRIC.__class__("top1", "%", "higher", None))
    measured = measure_stability(untargeted, [run(i) for i in range(1, 6)], planned=5, data="real")
    assert measured.unknown == "the case has no target to converge to"


def test_at_a_budget_the_first_evaluation_after_it_counts() -> None:
    """Evaluations come every 50 000 samples; the target does not matter."""
    rule = StabilityRule(at="budget", budget=100_000)
    runs = [run(i, values=(50.0, 60.0 + i / 10, 70.0)) for i in range(1, 6)]
    measured = measure_stability(case(stability=rule), runs, planned=5, data="real")
    assert [r["value"] for r in measured.detail["runs"]] == [60.1, 60.2, 60.3, 60.4, 60.5]
    assert measured.value == 1.0


def test_a_run_that_ended_before_the_budget_did_not_converge() -> None:
    rule = StabilityRule(at="budget", budget=100_000)
    runs = [run(i, values=(50.0, 60.0)) for i in range(1, 5)] + [run(5, values=(50.0,))]
    assert measure_stability(case(stability=rule), runs, planned=5, data="real").value == 0.8


def test_a_program_that_does_not_count_its_samples_has_no_value_at_a_budget() -> None:
    rule = StabilityRule(at="budget", budget=100_000)
    runs = [run(i, values=(), more=[evaluation(9.0, 60.0)]) for i in range(1, 6)]
    measured = measure_stability(case(stability=rule), runs, planned=5, data="real")
    assert measured.unknown is not None
    assert "does not report how many samples" in measured.unknown


def test_the_same_losses_under_different_seeds_are_suspect() -> None:
    runs = [run(i, losses=(2.0, 1.5, 1.0) if i in (2, 4) else ()) for i in range(1, 6)]
    (sentence,) = measure_stability(case(), runs, planned=5, data="real").suspect
    assert sentence == "full-2 and full-4 report the same 3 losses under seeds 2 and 4"


@pytest.mark.parametrize(
    ("one", "other", "seed", "suspect"),
    [
        ((2.0, 1.5, 1.0), (2.0, 1.5, 1.001), 2, False),
        ((2.0, 1.5, 1.0), (2.0, 1.5, 1.0), 1, False),
        ((2.0, 1.5, 1.0), (2.0, 1.5), 2, True),
        ((2.0,), (2.0,), 2, False),
    ],
)
def test_losses_are_the_same_where_every_report_of_both_is(
    one: tuple[float, ...], other: tuple[float, ...], seed: int, suspect: bool
) -> None:
    runs = [run(1, losses=one), run(2, losses=other, seed=seed), *(run(i) for i in (3, 4, 5))]
    assert bool(measure_stability(case(), runs, planned=5, data="real").suspect) is suspect
