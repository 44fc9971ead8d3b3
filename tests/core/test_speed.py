from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.averages import coefficient_of_variation, trimmed_mean
from pytest_sixdim.core.speed import measure_speed, speed_of_kind
from pytest_sixdim.core.thermal import Thermal

from .builders import BORDER, at, evaluation, events, progress, segment, window

#: DeepSpark six_dimension_howto, ResNet-50, epochs 6 to 10, img/s.
PUBLISHED = [4910.795658460139, 4980.222383258538, 5032.905842259754, 4925.753353494863, 4845.4628560647725]
SPEEDS = st.lists(st.floats(1e-3, 1e7), min_size=1, max_size=9)


def test_the_published_example() -> None:
    assert trimmed_mean(PUBLISHED) == pytest.approx(4938.9237984, abs=5e-8)
    assert trimmed_mean(PUBLISHED) != pytest.approx(4938.33, abs=0.1)


@given(SPEEDS)
def test_the_trimmed_mean_lies_among_the_values(values: list[float]) -> None:
    assert min(values) * (1 - 1e-12) <= trimmed_mean(values) <= max(values) * (1 + 1e-12)


@given(SPEEDS.flatmap(lambda values: st.tuples(st.just(values), st.permutations(values))))
def test_the_trimmed_mean_does_not_depend_on_the_order(pair: tuple[list[float], list[float]]) -> None:
    assert trimmed_mean(pair[0]) == trimmed_mean(pair[1])


@given(st.lists(st.floats(1, 100), min_size=3, max_size=9), st.floats(101, 1e6))
def test_how_extreme_the_dropped_values_are_does_not_matter(values: list[float], outlier: float) -> None:
    assert trimmed_mean([*values, 101.0]) == trimmed_mean([*values, outlier])


def test_fewer_than_three_values_are_not_trimmed() -> None:
    assert trimmed_mean([1.0, 3.0]) == 2.0
    assert trimmed_mean([1.0, 2.0, 9.0]) == 2.0
    assert trimmed_mean([1.0, 2.0, 4.0, 9.0]) == 3.0


def test_one_value_has_no_variation() -> None:
    assert coefficient_of_variation([5.0]) is None
    assert coefficient_of_variation([1.0, 3.0]) == pytest.approx(2**0.5 / 2)


def uneven(seconds: list[float], **fields: float):
    """A run whose segments last so long, one after the other."""
    t, segments = BORDER, []
    for index, long in enumerate(seconds, 1):
        t += long
        segments.append(segment(index, **at(t), seconds=long, **fields))
    return events(*segments)


def test_the_value_is_the_trimmed_mean_over_the_segments() -> None:
    measured = measure_speed(window(uneven([10.0, 8.0, 16.0, 10.0, 12.8])), cards=8)
    assert measured.value == pytest.approx((1280 + 1280 + 1000) / 3)
    assert measured.detail["segments"] == [1280, 1600, 800, 1280, 1000]
    assert measured.suspect == ()


def test_the_three_kinds() -> None:
    more = [evaluation(BORDER + 12, 1.0, seconds=2.0)]
    late = [segment(1, loader_seconds=2.0)]
    late += [segment(index, **at(BORDER + 10 * index + 2), loader_seconds=2.0) for index in range(2, 6)]
    measured = measure_speed(window(events(*late, more=more)), cards=8)
    assert measured.detail["kinds"] == {"compute": 1600, "train": 1280, "whole": pytest.approx(64000 / 52)}
    assert measured.detail["loader_share"] == pytest.approx(0.2)
    assert [speed_of_kind(measured, kind) for kind in ("compute", "train")] == [1600, 1280]


def test_without_loader_times_there_is_no_compute_speed() -> None:
    measured = measure_speed(window(events(segment(1, loader_seconds=1.0), *map(segment, range(2, 6)))), cards=8)
    assert measured.detail["kinds"]["compute"] is None
    assert measured.detail["loader_share"] is None


@pytest.mark.parametrize(
    ("waited", "credible"), [(0.0, True), (9.9, True), (10.0, False), (11.0, False), (-1.0, False)]
)
def test_waiting_longer_for_the_loader_than_the_segment_lasted_is_suspect(waited: float, credible: bool) -> None:
    segments = [segment(1, loader_seconds=waited), *(segment(index, loader_seconds=1.0) for index in range(2, 6))]
    measured = measure_speed(window(events(*segments)), cards=8)
    assert measured.suspect == (() if credible else (f"segment 1 waited {waited:g} s for its loader in 10 s",))
    assert (measured.detail["kinds"]["compute"] is not None) is credible


@pytest.mark.parametrize(("longest", "flagged"), [(10.225, False), (10.24, True)])
def test_variation_above_one_percent_is_flagged(longest: float, flagged: bool) -> None:
    measured = measure_speed(window(uneven([10.0, 10.0, 10.0, 10.0, longest])), cards=8)
    assert measured.detail["variation"] == pytest.approx((longest - 10) / longest / 5**0.5, rel=0.02)
    assert any("vary" in flag for flag in measured.flags) is flagged


@pytest.mark.parametrize(("later", "flagged"), [(10.1, False), (10.3, True)])
def test_sustained_speed_two_percent_lower_is_flagged(later: float, flagged: bool) -> None:
    measured = measure_speed(window(uneven([10.0] * 5 + [later] * 3)), cards=8)
    assert measured.detail["sustained"] == pytest.approx(12800 / later)
    assert measured.detail["sustained_segments"] == 3
    assert any("sustained" in flag for flag in measured.flags) is flagged


def test_without_later_segments_there_is_no_sustained_speed() -> None:
    assert measure_speed(window(), cards=8).detail["sustained"] is None


def test_more_than_the_cards_peak_is_suspect() -> None:
    within = measure_speed(window(), cards=8, flops_per_sample=24.6e9, peak=4.0e12)
    assert within.detail["mfu"] == pytest.approx(1280 * 24.6e9 / 32e12)
    assert within.suspect == ()
    beyond = measure_speed(window(), cards=8, flops_per_sample=24.6e9, peak=3.9e12)
    assert beyond.suspect == ("the speed would need 100.9 % of the card's peak",)


def test_without_a_peak_there_is_no_mfu() -> None:
    assert measure_speed(window(), cards=8, flops_per_sample=24.6e9).detail["mfu"] is None


def test_a_contradiction_makes_the_speed_suspect() -> None:
    measured = measure_speed(window(events(segment(1, seconds=5.0), *map(segment, range(2, 6)))), cards=8)
    assert measured.value is not None
    assert measured.suspect == ("segment 1 claims 5 s of training where 10 s passed",)


@pytest.mark.parametrize(("own", "flagged"), [(1343.0, False), (1345.0, True), (1217.0, False), (1215.0, True)])
def test_a_program_that_rates_itself_otherwise_is_flagged(own: float, flagged: bool) -> None:
    measured = measure_speed(window(events(more=[progress(BORDER + 5, speed=own)])), cards=8)
    assert measured.detail["program_speed"] == own
    assert any("the program itself" in flag for flag in measured.flags) is flagged


def test_the_other_runs_speeds_are_shown() -> None:
    assert measure_speed(window(), cards=8, other_runs={"full-2": 1279.0}).detail["other_runs"] == {"full-2": 1279.0}


def test_a_slowdown_makes_the_speed_suspect() -> None:
    thermal = Thermal(
        {"thermal slowdown": 0.1}, ("thermal slowdown during 10.0 % of the window",), ("still warming up",)
    )
    measured = measure_speed(window(), cards=8, thermal=thermal)
    assert measured.suspect == thermal.suspect
    assert measured.flags == thermal.flags


def test_an_incomplete_window_is_unknown() -> None:
    measured = measure_speed(window(events(segment(1))), cards=8)
    assert measured.value is None
    assert measured.unknown == "1 of 5 segments were completed"


def test_an_incomplete_window_of_a_run_that_crashed_fails() -> None:
    measured = measure_speed(window(events(segment(1))), cards=8, failed="full-1 crashed: rank 3 ended by SIGSEGV")
    assert measured.failed == "full-1 crashed: rank 3 ended by SIGSEGV"


def test_a_complete_window_stands_though_the_run_crashed_later() -> None:
    measured = measure_speed(window(), cards=8, failed="full-1 crashed")
    assert measured.value == 1280
    assert measured.failed is None
    assert measured.flags == ("after the window: full-1 crashed",)


@pytest.mark.parametrize("nothing", [{"seconds": 0.0}, {"samples": 0}])
def test_a_segment_without_seconds_or_samples_has_no_speed(nothing: dict[str, Any]) -> None:
    measured = measure_speed(window(events(segment(1, **nothing), *map(segment, range(2, 6)))), cards=8)
    assert measured.value is None
    assert measured.unknown is not None
