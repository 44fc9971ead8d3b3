"""When a sensor that stands still counts as stuck."""

from __future__ import annotations

import pytest

from pytest_sixdim.core.sensor import stuck_counter, stuck_power

from .builders import series

SPANS = ((100.0, 140.0),)


def unchanged(seconds: float, value: float, wobble: float):
    """Readings at 10 Hz that move with every reading, but for the first `seconds` of the window."""

    def read(t: float) -> float:
        still = t + 1e-6 >= 100 and t - 1e-6 <= 100 + seconds
        return value if still else round(value + wobble * (1 + round(t * 10) % 2), 3)

    return series(read, 90, 140)


@pytest.mark.parametrize(("updates", "stuck"), [(19, False), (20, True)])
def test_a_fine_source_must_move_within_twenty_updates(updates: int, stuck: bool) -> None:
    found = stuck_power(unchanged(updates / 10, 46.19, 0.01), SPANS, None, 0.01)
    assert found == ("stuck sensor: 46.19 W unchanged over 20 updates" if stuck else None)


@pytest.mark.parametrize(("updates", "stuck"), [(50, False), (51, True)])
def test_whole_watts_may_stand_still_for_fifty(updates: int, stuck: bool) -> None:
    found = stuck_power(unchanged(updates / 10, 165.0, 1.0), SPANS, None, 1.0)
    assert found == ("stuck sensor: 165 W unchanged over 51 updates" if stuck else None)


def test_whole_watts_are_recognised_by_their_decimals() -> None:
    assert stuck_power(unchanged(3.0, 165.0, 1.0), SPANS, None, None) is None
    assert stuck_power(unchanged(3.0, 165.123, 1.0), SPANS, None, None) is not None
    assert stuck_power(unchanged(3.0, 46.2, 0.1), SPANS, None, None) is None


def test_a_source_is_fine_relative_to_its_reading() -> None:
    assert stuck_power(unchanged(3.0, 2000.0, 1.0), SPANS, None, 1.0) is not None
    assert stuck_power(unchanged(3.0, 1000.0, 1.0), SPANS, None, 1.0) is None


def test_a_slow_sensor_is_not_stuck_between_its_updates() -> None:
    """It updates once a second and is read ten times as often."""
    assert stuck_power(series(lambda t: 300 + 0.123 * (int(t + 1e-6) % 7), 90, 140), SPANS, None, 0.001) is None


def test_no_change_from_idle_to_load_is_stuck() -> None:
    """Coarse and read rarely, so that no row of updates is long enough."""
    steady = series(lambda t: 46.0, 80, 140, period=1.0)
    assert stuck_power(steady, SPANS, 100.0, 1.0) == "stuck sensor: 46 W from idle to load"
    assert stuck_power(steady, SPANS, None, 1.0) is None
    moved = series(lambda t: 46.0 if t < 100 else 47.0, 80, 140, period=1.0)
    assert stuck_power(moved, SPANS, 100.0, 1.0) is None


def test_too_few_readings_tell_nothing() -> None:
    assert stuck_power(series(lambda t: 46.0, 99.5, 100.5, period=1.0), SPANS, None, 1.0) is None


def test_a_gap_between_equal_readings_is_not_a_sensor_that_stands_still() -> None:
    moving = series(lambda t: None if 110 < t < 115 else 300 + 0.1 * (round(t * 10) % 2), 90, 140)
    assert stuck_power(moving, SPANS, None, 0.1) is None


@pytest.mark.parametrize(("updates", "stuck"), [(19, False), (20, True)])
def test_a_counter_that_stands_still_under_load_is_stuck(updates: int, stuck: bool) -> None:
    begin, end = 110.0, 110.0 + updates / 10
    readings = series(lambda t: 30 * (t if t < begin else begin if t < end + 1e-6 else t), 90, 140)
    assert (stuck_counter(readings, SPANS, 0.1) is not None) is stuck
