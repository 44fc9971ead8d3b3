"""Series of any length as so few points that a picture needs, read once and in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

#: x and y.
Point = tuple[float, float]
#: A line in unbroken pieces.
Pieces = tuple[tuple[Point, ...], ...]

#: Buckets that a series may have; each is drawn as at most four points, most as two.
BUCKETS = 200


@dataclass
class _Bucket:
    """Neighbouring readings: how many, the first and the last, and those with the lowest and the highest y.

    `cut`: the line is broken before it.
    """

    count: int
    cut: bool
    first: Point
    last: Point
    low: Point
    high: Point

    def take(self, point: Point) -> None:
        """Take in the reading after this bucket."""
        self.count += 1
        self.last = point
        if point[1] < self.low[1]:
            self.low = point
        elif point[1] > self.high[1]:
            self.high = point

    def join(self, other: _Bucket) -> None:
        """Take in the bucket after this one."""
        self.count += other.count
        self.last = other.last
        self.low = min(self.low, other.low, key=_y)
        self.high = max(self.high, other.high, key=_y)


class Thinned:
    """A series that keeps its extremes: readings are gathered in buckets, and each bucket's lowest and highest stay.

    When there are too many buckets, neighbours are joined and each takes twice as many readings.
    """

    def __init__(self, buckets: int = BUCKETS) -> None:
        """`buckets`: how many are kept at most."""
        self._most = buckets
        self._cut = False
        self._per_bucket = 1
        self._buckets: list[_Bucket] = []

    def add(self, x: float, y: float) -> None:
        """One more reading; x must not descend."""
        point = (x, y)
        if self._buckets and self._buckets[-1].count < self._per_bucket and not self._cut:
            self._buckets[-1].take(point)
            return
        self._buckets.append(_Bucket(1, self._cut, point, point, point, point))
        self._cut = False
        while len(self._buckets) > self._most:
            self._per_bucket *= 2
            self._join()
            if len(self._buckets) > self._most:
                # More breaks than can be drawn keep the buckets apart.
                for bucket in self._buckets:
                    bucket.cut = False

    def cut(self) -> None:
        """Break the line before the next reading. Where there are more breaks than buckets, the earlier ones go."""
        self._cut = True

    def pieces(self) -> Pieces:
        """The points in ascending order of x, a new piece after every break."""
        unbroken: list[list[_Bucket]] = []
        for bucket in self._buckets:
            if bucket.cut or not unbroken:
                unbroken.append([])
            unbroken[-1].append(bucket)
        return tuple(
            tuple(sorted({piece[0].first, piece[-1].last, *(p for bucket in piece for p in (bucket.low, bucket.high))}))
            for piece in unbroken
        )

    def _join(self) -> None:
        """Join neighbours as far as there is room and no break."""
        joined = self._buckets[:1]
        for bucket in self._buckets[1:]:
            if joined[-1].count + bucket.count <= self._per_bucket and not bucket.cut:
                joined[-1].join(bucket)
            else:
                joined.append(bucket)
        self._buckets = joined


def _y(point: Point) -> float:
    return point[1]
