"""How many steps a segment has, and when warm-up ends: arithmetic alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.training.warmup import Measure, WarmUp

STEADY = Measure(warmup_steps=10, steady=True, segment_steps=50, segment_seconds=6.0)


@given(st.floats(1e-4, 2.39))
def test_segments_have_fifty_steps_and_six_seconds_with_a_margin(step_seconds: float) -> None:
    steps = Measure().steps(step_seconds)
    assert steps >= 50
    assert steps * step_seconds >= 1.05 * 6.0 * (1 - 1e-9)
    assert steps == 50 or (steps - 1) * step_seconds < 1.05 * 6.0 * (1 + 1e-9)


@given(st.floats(2.41, 1000.0))
def test_where_fifty_steps_exceed_two_minutes_segments_have_ten_steps_and_two_minutes(step_seconds: float) -> None:
    steps = Measure().steps(step_seconds)
    assert 10 <= steps <= 50
    assert steps * step_seconds >= 120.0
    assert steps in (10, 50) or (steps - 1) * step_seconds < 1.05 * 120.0 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("measure", "step_seconds", "steps"),
    [
        (Measure(segment_steps=50, segment_seconds=6.0), 0.5, 50),
        (Measure(segment_steps=50, segment_seconds=6.0), 0.0625, 101),
        (Measure(segment_steps=50, segment_seconds=6.0), 4.0, 32),
        (Measure(segment_steps=50, segment_seconds=6.0), 30.0, 10),
        (Measure(segment_steps=5, segment_seconds=0.0), 30.0, 5),
        (Measure(segment_steps=50, segment_seconds=300.0), 4.0, 79),
    ],
)
def test_steps_of_a_segment(measure: Measure, step_seconds: float, steps: int) -> None:
    assert measure.steps(step_seconds) == steps


def test_fixed_warm_up_takes_exactly_its_steps_and_times_the_second_half() -> None:
    warmup = WarmUp(Measure(warmup_steps=21, steady=False, segment_steps=50, segment_seconds=6.0))
    assert warmup.steps == 10
    assert not warmup.stretch(seconds=500.0, samples=40)  # compiling
    assert warmup.steps == 11
    assert warmup.stretch(seconds=11 * 0.0625, samples=44)
    assert warmup.steps == 101
    assert warmup.steady is None
    assert warmup.seconds == 500.6875


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_warm_up_has_at_least_two_steps_to_time_one(steps: int) -> None:
    warmup = WarmUp(Measure(warmup_steps=steps, steady=False))
    taken = warmup.steps
    assert not warmup.stretch(1.0, 4)
    assert taken + warmup.steps == 2
    assert warmup.stretch(1.0, 4)


def steady_warm_up(speeds: list[float]) -> tuple[WarmUp, int]:
    """A warm-up whose segments have these speeds (samples/s, four samples a step), and how many of them it took."""
    warmup = WarmUp(STEADY)
    assert not warmup.stretch(10.0, 20)
    assert not warmup.stretch(5.0, 20)
    for taken, speed in enumerate(speeds, 1):
        if warmup.stretch(warmup.steps * 4 / speed, warmup.steps * 4):
            return warmup, taken
    return warmup, 0


def test_steady_warm_up_ends_when_three_segments_agree_within_one_percent() -> None:
    warmup, taken = steady_warm_up([4.0, 5.0, 6.0, 6.2, 6.19, 6.21, 7.0])
    assert (taken, warmup.steady) == (6, True)


def test_three_segments_that_are_more_than_one_percent_apart_do_not_agree() -> None:
    warmup, taken = steady_warm_up([100.0, 101.1, 100.0, 101.1, 100.0, 101.1])
    assert (taken, warmup.steady) == (0, False)


def test_a_slow_drift_is_not_steady_although_neighbours_agree() -> None:
    _, taken = steady_warm_up([100 * 1.006**i for i in range(9)])
    assert taken == 0


def test_steady_warm_up_ends_unsteady_after_ten_minutes_of_training() -> None:
    warmup, taken = steady_warm_up([4.0, 5.0] * 50)
    assert warmup.steady is False
    assert taken > 3
    assert 600.0 <= warmup.seconds <= 600.0 + 63


def test_segments_are_planned_from_the_last_warm_up_segment_not_from_slow_first_steps() -> None:
    warmup, _ = steady_warm_up([4.0, 64.0, 64.0, 64.0])
    assert warmup.steps == 101  # 1/16 s a step
