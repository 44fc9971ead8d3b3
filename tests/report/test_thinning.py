"""However long a series is, few points stay, and its extremes and gaps with them."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.report.thinning import Pieces, Point, Thinned


def thinned(points: list[Point], cuts: Collection[int] = (), buckets: int = 8) -> Pieces:
    """`cuts`: before which points the line is broken."""
    series = Thinned(buckets)
    for index, (x, y) in enumerate(points):
        if index in cuts:
            series.cut()
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


def test_a_cut_breaks_the_line_once() -> None:
    points = [(float(x), 1.0) for x in range(5)]
    assert [len(piece) for piece in thinned(points, [3])] == [3, 2]
    assert [len(piece) for piece in thinned(points, [0])] == [5]


def test_a_break_stays_where_readings_are_joined() -> None:
    points = [(float(x), 1.0) for x in range(2000)]
    pieces = thinned(points, [1000])
    assert [(piece[0][0], piece[-1][0]) for piece in pieces] == [(0.0, 999.0), (1000.0, 1999.0)]


def test_more_breaks_than_can_be_drawn_go() -> None:
    points = [(float(x), 1.0) for x in range(100)]
    pieces = thinned(points, range(96))
    assert len(pieces) <= 8
    assert (pieces[0][0][0], pieces[-1][-1][0]) == (0.0, 99.0)


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6)), max_size=400),
    st.sets(st.integers(0, 400)),
    st.integers(2, 12),
)
def test_points_stay_few_and_extremes_stay(points: list[Point], cuts: set[int], buckets: int) -> None:
    points.sort(key=lambda point: point[0])
    kept = [point for piece in thinned(points, cuts, buckets) for point in piece]
    assert len(kept) <= 4 * buckets
    assert set(kept) <= set(points)
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)
    if points:
        assert (kept[0][0], kept[-1][0]) == (points[0][0], points[-1][0])
        assert {min(y for _, y in points), max(y for _, y in points)} <= {y for _, y in kept}
