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
    """Neighbouring readings: how many, the first and the last, and those with the lowest and the highest y."""

    count: int
    first: Point
    last: Point
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
        point = (x, y)
        self._append(_Bucket(1, point, point, point, point), self._buckets)
        while len(self._buckets) > self._most:
            self._per_bucket *= 2
            self._join()
            while len(self._buckets) > self._most:
                # Breaks keep them apart, and there are too many to draw: the short ones go.
                self._gap *= 2
                self._join()

    def pieces(self) -> Pieces:
        """The points in ascending order of x, a new piece after every break."""
        unbroken: list[list[_Bucket]] = []
        for bucket in self._buckets:
            if unbroken and self._touch(unbroken[-1][-1], bucket):
                unbroken[-1].append(bucket)
            else:
                unbroken.append([bucket])
        return tuple(
            tuple(sorted({piece[0].first, piece[-1].last, *(p for bucket in piece for p in (bucket.low, bucket.high))}))
            for piece in unbroken
        )

    def _join(self) -> None:
        """Join neighbours as far as there is room and no break."""
        joined: list[_Bucket] = []
        for bucket in self._buckets:
            self._append(bucket, joined)
        self._buckets = joined

    def _append(self, bucket: _Bucket, buckets: list[_Bucket]) -> None:
        """Into the last bucket where there is room and no break, else as a new one."""
        before = buckets[-1] if buckets else None
        if before and before.count + bucket.count <= self._per_bucket and self._touch(before, bucket):
            before.join(bucket)
        else:
            buckets.append(bucket)

    def _touch(self, before: _Bucket, after: _Bucket) -> bool:
        return after.first[0] - before.last[0] <= self._gap


def _y(point: Point) -> float:
    return point[1]
