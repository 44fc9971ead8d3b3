"""However long a series is, few points stay, and its extremes and gaps with them."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.report.thinning import Pieces, Point, Thinned


def thinned(points: list[Point], gap: float = math.inf, buckets: int = 8) -> Pieces:
    series = Thinned(gap, buckets)
    for x, y in points:
        series.add(x, y)
    return series.pieces()


def test_a_short_series_stays_as_it_is() -> None:
    points = [(0.0, 1.0), (1.0, 3.0), (2.0, 2.0)]
    assert thinned(points) == (tuple(points),)


def test_a_series_without_readings_has_no_pieces() -> None:
    assert thinned([]) == ()


def test_one_spike_among_many_readings_stays() -> None:
    points = [(float(x), 1.0) for x in range(10_000)]
    points[7_777] = (7_777.0, 9.0)
    (piece,) = thinned(points)
    assert (7_777.0, 9.0) in piece
    assert len(piece) <= 2 * 8 + 2


def test_a_silence_breaks_the_line() -> None:
    points = [(float(x), 1.0) for x in (0, 1, 2, 10, 11)]
    assert [len(piece) for piece in thinned(points, gap=5.0)] == [3, 2]


def test_a_silence_stays_where_readings_are_joined() -> None:
    points = [(float(x), 1.0) for x in range(2000) if not 1000 <= x < 1100]
    pieces = thinned(points, gap=5.0)
    assert [(piece[0][0], piece[-1][0]) for piece in pieces] == [(0.0, 999.0), (1100.0, 1999.0)]


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6)), max_size=400),
    st.sampled_from([0.001, 1.0, 1e5, math.inf]),
    st.integers(2, 12),
)
def test_points_stay_few_and_extremes_stay(points: list[Point], gap: float, buckets: int) -> None:
    points.sort(key=lambda point: point[0])
    kept = [point for piece in thinned(points, gap, buckets) for point in piece]
    assert len(kept) <= 4 * buckets
    assert set(kept) <= set(points)
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)
    if points:
        assert (kept[0][0], kept[-1][0]) == (points[0][0], points[-1][0])
        assert {min(y for _, y in points), max(y for _, y in points)} <= {y for _, y in kept}
