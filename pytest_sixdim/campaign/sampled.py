"""The readings of a run's cards, read when somebody looks at them and forgotten when others need the room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, overload

from pytest_sixdim.core.records import SampleLog

#: Readings of all runs together that are held in memory, but for those of the run that was looked at last (8 bytes
#: each), and how many runs'.
MOST_READINGS, MOST_RUNS = 20_000_000, 64


class Sampled(Sequence[SampleLog]):
    """One SampleLog a node."""

    #: Those in memory, the last that was looked at at the end.
    _held: ClassVar[dict[int, Sampled]] = {}

    def __init__(self, read: Callable[[], tuple[SampleLog, ...]]) -> None:
        """`read`: reads them all, from files that do not change any more."""
        self._read = read
        self._logs: tuple[SampleLog, ...] | None = None
        self._readings = 0

    @overload
    def __getitem__(self, index: int) -> SampleLog: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SampleLog, ...]: ...
    def __getitem__(self, index: int | slice) -> SampleLog | tuple[SampleLog, ...]:
        return self._now()[index]

    def __len__(self) -> int:
        return len(self._now())

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._now() == tuple(other)

    def _now(self) -> tuple[SampleLog, ...]:
        if self._logs is None:
            self._logs = self._read()
            every = (series for log in self._logs for cards in log.series.values() for series in cards)
            self._readings = sum(len(series.values) for series in every)
        held = Sampled._held
        held.pop(id(self), None)
        held[id(self)] = self
        while len(held) > MOST_RUNS or (len(held) > 1 and sum(e._readings for e in held.values()) > MOST_READINGS):
            held.pop(next(iter(held)))._logs = None
        return self._logs
