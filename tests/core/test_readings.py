"""Zero-order hold and the arithmetic of spans."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.readings import held
from pytest_sixdim.core.records import Series
from pytest_sixdim.core.spans import duration, holds, last_seconds, merged, overlap, within, without

from .builders import series

NUMBERS = st.integers(0, 40).map(float)
SPANS = st.lists(st.tuples(NUMBERS, NUMBERS).map(lambda pair: (min(pair), max(pair))), max_size=6)


def instants(spans: tuple[tuple[float, float], ...]) -> set[float]:
    """The middles of the unit intervals that the spans cover."""
    return {t + 0.5 for t in range(41) if any(begin <= t and t + 1 <= end for begin, end in spans)}


@given(SPANS, SPANS)
def test_spans_are_sets_of_instants(spans: list[tuple[float, float]], cuts: list[tuple[float, float]]) -> None:
    union = merged(spans)
    assert instants(union) == instants(tuple(spans))
    assert duration(union) == len(instants(union))
    assert all(a[1] < b[0] for a, b in pairwise(union))
    assert instants(without(spans, cuts)) == instants(union) - instants(tuple(cuts))
    assert instants(within(spans, (5.0, 20.0))) == {t for t in instants(union) if 5 < t < 20}
    assert overlap(union, 5.0, 20.0) == duration(within(spans, (5.0, 20.0)))
    assert all(holds(union, t) == (t in instants(union)) for t in (i + 0.5 for i in range(41)))


@given(SPANS, NUMBERS)
def test_the_last_seconds_of_spans(spans: list[tuple[float, float]], seconds: float) -> None:
    last = last_seconds(spans, seconds)
    assert instants(last) == set(sorted(instants(merged(spans)))[-int(seconds) :] if seconds else [])


def test_published_power_at_equal_spacing() -> None:
    found = held(Series((0.0, 5.0, 10.0, 15.0, 20.0), (161.0, 169.0, 161.0, 174.0, 163.0)), [(0.0, 25.0)])
    assert found.mean == pytest.approx(165.6)
    assert (found.covered, found.readings, found.longest_gap) == (25.0, 5, 5.0)


@given(st.lists(st.integers(0, 1000), min_size=40, max_size=40), st.integers(0, 39), st.integers(1, 40))
def test_it_is_exact_for_a_step_function(steps: list[int], begin: int, long: int) -> None:
    """A truth that steps at the readings: the mean over any span is that of the truth."""
    end = min(begin + long, 40)
    found = held(Series(tuple(map(float, range(40))), tuple(map(float, steps))), [(float(begin), float(end))])
    assert found.mean == pytest.approx(math.fsum(steps[begin:end]) / (end - begin))


@given(st.lists(st.floats(1, 1000), min_size=40, max_size=40), st.floats(0, 40))
def test_splitting_a_span_is_additive(values: list[float], cut: float) -> None:
    readings = Series(tuple(map(float, range(40))), tuple(values))
    whole, parts = held(readings, [(0.0, 40.0)]), [held(readings, [span]) for span in ((0.0, cut), (cut, 40.0))]
    assert whole.mean is not None
    assert sum((part.mean or 0) * part.covered for part in parts) == pytest.approx(whole.mean * whole.covered)
    assert held(readings, [(0.0, cut), (cut, 40.0)]).mean == pytest.approx(whole.mean)


@given(st.lists(st.one_of(st.none(), st.just(300.0)), min_size=40, max_size=40))
def test_a_missing_reading_is_never_zero_and_covers_nothing(values: list[float | None]) -> None:
    found = held(Series(tuple(map(float, range(40))), tuple(values)), [(0.0, 40.0)])
    assert found.mean == (300.0 if 300.0 in values else None)
    assert found.covered == found.readings == values.count(300.0)


def test_a_reading_that_is_not_a_number_is_missing() -> None:
    found = held(Series((0.0, 1.0, 2.0), (1.0, math.nan, math.inf)), [(0.0, 3.0)])
    assert (found.mean, found.covered) == (1.0, 1.0)


def test_an_early_reading_holds_into_the_span() -> None:
    assert held(Series((0.0, 1.0), (7.0, 9.0)), [(0.5, 1.5)]).mean == 8.0


def test_a_reading_does_not_hold_beyond_three_periods() -> None:
    times = (0.0, 1.0, 2.0, 3.0, 13.0, 14.0)
    found = held(Series(times, (1.0,) * 6), [(0.0, 15.0)])
    assert found.covered == pytest.approx(8.0)
    assert found.longest_gap == 10.0


def test_the_longest_gap_reaches_back_to_the_last_reading_that_was_there() -> None:
    found = held(Series((0.0, 1.0, 2.0, 3.0, 4.0), (1.0, 1.0, None, 2.0, 2.0)), [(2.5, 4.0)])
    assert (found.longest_gap, found.covered) == (2.0, 1.0)


def test_a_single_reading_in_the_span_has_the_period_of_its_series() -> None:
    found = held(Series((0.0, 4.0, 8.0, 9.0), (1.0,) * 4), [(8.5, 100.0)])
    assert found.covered == pytest.approx(0.5 + 12.0)


def test_fast_readings_hold_for_a_second_and_a_half() -> None:
    found = held(series(lambda t: 5.0, 0.0, 1.0), [(0.0, 10.0)])
    assert found.covered == pytest.approx(2.5)


def test_nothing_is_known_where_nothing_was_read() -> None:
    found = held(Series((), ()), [(0.0, 1.0)])
    assert (found.mean, found.covered, found.readings, found.longest_gap) == (None, 0.0, 0, None)
    assert held(series(lambda t: 5.0), ()).mean is None
