"""When an MLPerf log says that something was trained, and how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pytest_sixdim.core.events import Event
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.mllog_counts import Counts, Position, Sizes
from pytest_sixdim.dialects.stretches import Stretch, Stretches

#: A line that says the same as one less than so many seconds before it is another rank's.
SAME = 1.0


@dataclass
class _Interval:
    """A block or an epoch that is open. `evaluations`: within it; `whole`: all of those at whole epochs."""

    start: Position
    evaluations: int = 0
    whole: bool = True


class Training:
    """Follows blocks and epochs, one within the other in either order: the inner ones count.

    Attributes:
        open: whether something is being trained.
    """

    def __init__(self, job: Job, counts: Counts) -> None:
        self._counts = counts
        self._stretches = Stretches(job)
        self._sizes = {kind: Sizes(counts) for kind in ("block", "epoch")}
        self._intervals: dict[str, _Interval] = {}
        self._stopped: dict[str, Position] = {}  # the last stop of each kind
        self.open = False
        self._passed = False  # an epoch of unknown size has stopped since training began
        self._counted: int | None = None  # the count of the last step
        self._taken: int | None = None  # samples of the open interval in steps, or between evaluations
        self._unknown = False  # what of the open interval came before an evaluation is unknown
        self._mark: int | None = None  # the count of the last evaluation

    def border(self, kind: str, border: str, place: Position, seen: float, rank: int) -> Iterator[Event]:
        """A block or an epoch starts or stops."""
        interval = self._intervals.get(kind)
        if border == "start":
            if interval is None:
                self._intervals[kind] = _Interval(place)
                self._begin(place.t)
        elif interval is not None and not self._is_repeat(kind, place):
            del self._intervals[kind]
            self._stopped[kind] = place
            size = self._size(kind, interval, place)
            if self.open and size is None and kind == "epoch" and self._intervals:
                self._passed = True  # the block around it may know
            elif self.open:
                yield from self._stop(kind, interval, place, size, seen, rank)

    def _is_repeat(self, kind: str, place: Position) -> bool:
        last = self._stopped.get(kind)
        if last is None or last.t is None or place.t is None or place.t - last.t >= SAME:
            return False
        return (last.samples, last.step, last.epoch) == (place.samples, place.step, place.epoch)

    def _size(self, kind: str, interval: _Interval, place: Position) -> int | None:
        size = self._sizes[kind].of(interval.start, place)
        if size is not None or place.samples is not None:
            return size
        if kind == "block":
            return self._counts.of_epochs(interval.start.epochs)
        same = place.epoch is not None and place.epoch == interval.start.epoch
        # An epoch with evaluations within may have ended early.
        return self._counts.train_samples if same and interval.whole and interval.evaluations <= 1 else None

    def _begin(self, t: float | None) -> None:
        if self.open and self._passed:
            return
        self._taken, self._unknown, self._passed = None, False, False
        self._stretches.began(t)
        self.open = True

    def _stop(
        self, kind: str, interval: _Interval, place: Position, size: int | None, seen: float, rank: int
    ) -> Iterator[Event]:
        self.open = self._passed = False
        if self._taken is not None:
            size = size - self._taken if size is not None and not self._unknown else 0
            if size < (self._counts.batch or 1):
                return  # its end is that of the last step
        epochs = 0 if self._counts.epochs_are_samples else 1 if kind == "epoch" else (interval.start.epochs or 0)
        yield from self._trained(place.t, size, seen, rank, epochs=epochs)

    def _trained(
        self,
        t: float | None,
        samples: int | None,
        seen: float,
        rank: int,
        *,
        epochs: int = 0,
        loss: float | None = None,
    ) -> Iterator[Event]:
        """So many samples were trained up to `t`; without a number, nobody knows how many, and the time is a pause."""
        if not samples:
            self._stretches.began(t)
            return
        yield from self._stretches.trained(
            Stretch(
                t=t,
                seen=seen,
                rank=rank,
                steps=self._counts.steps_of(samples),
                samples=samples,
                epochs=epochs,
                loss=loss,
            )
        )

    def step(self, place: Position, loss: float | None, seen: float, rank: int) -> Iterator[Event]:
        """A step has ended."""
        if not self.open and not self._intervals and not self._stopped:  # a log without blocks and epochs
            self._begin(place.t)
            self._counted = place.samples
            return
        if not self.open or (place.samples is not None and place.samples == self._counted):
            return
        batch = self._counts.batch
        more = place.samples - self._counted if place.samples is not None and self._counted is not None else None
        samples = more if more is not None and more > 0 and (batch is None or more % batch == 0) else batch
        self._counted = place.samples
        self._taken = (self._taken or 0) + (samples or 0)
        yield from self._trained(place.t, samples, seen, rank, loss=loss)

    def evaluating(self, place: Position, seen: float, rank: int) -> Iterator[Event]:
        """An evaluation starts. Within a block, and with a count, it is a border like any other."""
        mark, self._mark = self._mark, place.samples
        interval = self._intervals.get("block") or self._intervals.get("epoch")
        if not self.open or interval is None or place.samples is None or self._counted is not None:
            return
        start = interval.start.samples
        base = mark if self._taken is not None else start if start in (0, mark) else None
        samples = place.samples - base if base is not None else 0
        self._taken = (self._taken or 0) + max(0, samples)
        self._unknown = self._unknown or samples <= 0
        yield from self._trained(place.t, max(0, samples), seen, rank)

    def evaluated(self, place: Position, seconds: float | None) -> float | None:
        """An evaluation ended there after so many seconds; returns them, None where nobody knows."""
        for interval in self._intervals.values():
            interval.evaluations += 1
            interval.whole = interval.whole and (place.epoch is None or abs(place.epoch - round(place.epoch)) < 1e-3)
        return self._stretches.evaluated(place.t, seconds)
