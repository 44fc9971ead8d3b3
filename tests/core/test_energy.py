from __future__ import annotations

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.energy import energy_curve
from pytest_sixdim.core.records import Series
from pytest_sixdim.core.spans import duration

POWERS = st.lists(st.floats(10, 1000), min_size=30, max_size=30)
EDGE = st.floats(1.0, 30.0)


def counter(powers: list[float], wrap: float | None = None, offset: float = 0.0) -> Series:
    """A counter read once a second while the card draws `powers`, one a second."""
    total, values = offset, [offset]
    for power in powers:
        total += power
        values.append(total if wrap is None else total % wrap)
    return Series(tuple(map(float, range(len(values)))), tuple(values))


def joules(powers: list[float], t: float) -> float:
    """The truth: energy drawn by the instant."""
    whole = min(int(t), len(powers) - 1)
    return sum(powers[:whole]) + powers[whole] * (t - whole)


@given(POWERS, EDGE, EDGE)
def test_it_is_exact_between_readings_for_power_that_changes_at_readings(
    powers: list[float], a: float, b: float
) -> None:
    begin, end = sorted((a, b))
    counted = energy_curve(counter(powers)).counted([(begin, end)])
    assert counted == pytest.approx(joules(powers, end) - joules(powers, begin), abs=1e-6)


@given(POWERS, st.floats(2500, 20000), st.floats(0, 2000))
def test_wraps_are_invisible(powers: list[float], wrap: float, offset: float) -> None:
    plain, wrapped = energy_curve(counter(powers)), energy_curve(counter(powers, wrap, offset), wrap)
    assert wrapped.backwards == ()
    assert wrapped.counted([(3.3, 29.1)]) == pytest.approx(plain.counted([(3.3, 29.1)]))


@given(POWERS, EDGE)
def test_splitting_a_span_is_additive(powers: list[float], cut: float) -> None:
    curve = energy_curve(counter(powers))
    assert curve.counted([(1.0, cut), (cut, 30.0)]) == pytest.approx(curve.counted([(1.0, 30.0)]))


@given(POWERS, st.lists(st.integers(2, 29), max_size=10))
def test_missing_readings_change_no_more_than_where_between_readings_energy_fell(
    powers: list[float], missing: list[int]
) -> None:
    full = counter(powers)
    holes = Series(full.times, tuple(None if i in missing else value for i, value in enumerate(full.values)))
    assert energy_curve(holes).counted([(1.0, 30.0)]) == pytest.approx(energy_curve(full).counted([(1.0, 30.0)]))


def test_only_readings_that_bring_a_new_value_are_ticks() -> None:
    """A counter that steps every second, read every 0.25 s: a bare reading at the edges would miss up to a second."""
    times = tuple(i / 4 for i in range(41))
    curve = energy_curve(Series(times, tuple(100.0 * int(t) for t in times)))
    assert curve.times == tuple(map(float, range(1, 11)))
    assert curve.counted([(2.9, 7.4)]) == pytest.approx(450.0)
    assert (curve.period([(0.0, 10.0)]), curve.ticks([(2.5, 6.0)])) == (1.0, 4)


def test_a_fall_without_a_known_wrap_is_a_counter_that_went_backwards() -> None:
    assert energy_curve(Series((0.0, 1.0, 2.0), (50.0, 60.0, 10.0))).backwards == (2.0,)


def test_a_fall_by_less_than_half_the_wrap_is_no_wrap() -> None:
    readings = Series((0.0, 1.0, 2.0), (50.0, 60.0, 10.0))
    assert energy_curve(readings, wrap=1000.0).backwards == (2.0,)
    assert energy_curve(readings, wrap=80.0).backwards == ()
    assert energy_curve(Series((0.0, 1.0), (600.0, 300.0)), wrap=1000.0).backwards == (1.0,)
    assert energy_curve(Series((0.0, 1.0), (800.0, 300.0)), wrap=1000.0).joules == (1300.0,)


def test_a_gap_within_a_span_is_covered_and_one_over_its_edge_is_not() -> None:
    times = [float(t) for t in range(31) if not 10 < t < 20]
    curve = energy_curve(Series(tuple(times), tuple(100.0 * t for t in times)))
    assert curve.covered([(5.0, 25.0)]) == ((5.0, 25.0),)
    assert curve.covered([(5.0, 15.0)]) == ((5.0, 10.0),)
    assert curve.covered([(12.0, 25.0)]) == ((20.0, 25.0),)
    assert curve.covered([(5.0, 12.0), (18.0, 25.0)]) == ((5.0, 10.0), (20.0, 25.0))


def test_nothing_is_covered_before_the_first_and_after_the_last_tick() -> None:
    curve = energy_curve(counter([100.0] * 30))
    assert curve.covered([(-5.0, 50.0)]) == ((1.0, 30.0),)
    assert duration(curve.covered([(40.0, 50.0)])) == 0


def test_a_counter_that_never_moves_covers_nothing() -> None:
    curve = energy_curve(Series((0.0, 1.0, 2.0), (5.0, 5.0, 5.0)))
    assert (curve.times, curve.covered([(0.0, 2.0)]), curve.period([(0.0, 2.0)])) == ((), (), None)


def test_the_period_is_that_around_the_spans() -> None:
    """Cards are read at 1 Hz before warm-up ends and at 10 Hz after it."""
    times = [*map(float, range(100)), *(100 + i / 10 for i in range(100))]
    curve = energy_curve(Series(tuple(times), tuple(range(200))))
    assert curve.period([(100.0, 109.0)]) == pytest.approx(0.1)
    assert curve.times[bisect_right(curve.times, 50.0)] == 51.0
