"""Series of any length as so few points that a picture needs, read once and in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

#: x and y.
Point = tuple[float, float]
#: A line in unbroken pieces.
Pieces = tuple[tuple[Point, ...], ...]

#: Buckets that a series may have; each is drawn as at most two points.
BUCKETS = 200


@dataclass
class _Bucket:
    """Neighbouring readings: how many, the first and last x, and the points with the lowest and the highest y."""

    count: int
    first: float
    last: float
    low: Point
    high: Point

    def join(self, other: _Bucket) -> None:
        """Take in the bucket after this one."""
        self.count += other.count
        self.last = other.last
        self.low = min(self.low, other.low, key=_y)
        self.high = max(self.high, other.high, key=_y)


class Thinned:
    """A series that keeps its extremes: readings are gathered in buckets, and each bucket's lowest and highest stay.

    When there are too many buckets, neighbours are joined and each takes twice as many readings. The line is broken
    where two readings are more than `gap` apart, unless there are too many breaks to draw.
    """

    def __init__(self, gap: float = float("inf"), buckets: int = BUCKETS) -> None:
        """`gap` in the unit of x; `buckets`: how many are kept at most."""
        self._gap = gap
        self._most = buckets
        self._per_bucket = 1
        self._buckets: list[_Bucket] = []

    def add(self, x: float, y: float) -> None:
        """One more reading; x must not descend."""
        self._append(_Bucket(1, x, x, (x, y), (x, y)), self._buckets)
        while len(self._buckets) > self._most:
            self._per_bucket *= 2
            self._join()
            while len(self._buckets) > self._most:
                # Breaks keep them apart, and there are too many to draw: the short ones go.
                self._gap *= 2
                self._join()

    def pieces(self) -> Pieces:
        """The points in ascending order of x, a new piece after every break."""
        pieces: list[list[Point]] = []
        last = None
        for bucket in self._buckets:
            if last is None or bucket.first - last > self._gap:
                pieces.append([])
            pieces[-1] += sorted({bucket.low, bucket.high})
            last = bucket.last
        return tuple(map(tuple, pieces))

    def _join(self) -> None:
        """Join neighbours as far as there is room and no break."""
        joined: list[_Bucket] = []
        for bucket in self._buckets:
            self._append(bucket, joined)
        self._buckets = joined

    def _append(self, bucket: _Bucket, buckets: list[_Bucket]) -> None:
        """Into the last bucket where there is room and no break, else as a new one."""
        before = buckets[-1] if buckets else None
        if (
            before is not None
            and before.count + bucket.count <= self._per_bucket
            and bucket.first - before.last <= self._gap
        ):
            before.join(bucket)
        else:
            buckets.append(bucket)


def _y(point: Point) -> float:
    return point[1]
