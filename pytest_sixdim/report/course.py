"""How a run went, from its events.jsonl: the loss, the evaluations, the window, as much as a picture needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sixdim.core.case import Configuration, Measure
from pytest_sixdim.core.events import Evaluation, Event, EventError, Progress, Segment, Start, WarmupEnd, event_from
from pytest_sixdim.core.spans import Span
from pytest_sixdim.core.window import read_window
from pytest_sixdim.report.thinning import Pieces, Thinned

#: Larger numbers are no reading but a mistake, and would not fit into a picture.
_LARGEST = 1e100


@dataclass(frozen=True)
class Course:
    """A run's way, in seconds since its launch.

    Attributes:
        head: the first line of events.jsonl, which ties the clocks.
        loss: the training loss; `lost`: when it was first not finite.
        evaluations: values of the case's metric.
        started: when training began, None where the program did not say.
        window: when the counted segments trained.
    """

    head: Mapping[str, Any]
    loss: Pieces = ()
    lost: float | None = None
    evaluations: Pieces = ()
    started: float | None = None
    window: tuple[Span, ...] = ()


class _LowestRank:
    """A series of which several ranks may report their own: the lowest rank's counts."""

    def __init__(self) -> None:
        self._rank: int | None = None
        self._series = Thinned()
        self.lost: float | None = None

    def add(self, rank: int, x: float, y: float | None) -> None:
        """One more value; None: it was not finite."""
        if self._rank is None or rank < self._rank:
            self._rank, self._series, self.lost = rank, Thinned(), None
        if rank != self._rank:
            return
        if y is not None and abs(y) < _LARGEST:
            self._series.add(x, y)
        elif self.lost is None:
            self.lost = x

    def pieces(self) -> Pieces:
        return self._series.pieces()


def read_course(path: Path, metric: str, configuration: Configuration, segments: int) -> Course:
    """Read an events.jsonl once, from its first line to its last.

    Args:
        path: the file; one that is missing or broken gives what could be read.
        metric: the case's; evaluations of another are passed over.
        configuration: that was run.
        segments: how many a window has.
    """
    lines = json_lines(path)
    head = next(lines, {})
    origin = number(head.get("monotonic")) or 0.0
    borders: list[Event] = []
    losses = {Progress: _LowestRank(), Segment: _LowestRank()}
    evaluations = _LowestRank()
    for event in _events(lines):
        if isinstance(event, (Start, WarmupEnd, Segment, Evaluation)):
            borders.append(event)
        if isinstance(event, Evaluation) and event.metric in (None, metric):
            evaluations.add(event.rank, event.t - origin, event.value)
        if isinstance(event, (Progress, Segment)) and _reports_loss(event):
            losses[type(event)].add(event.rank, event.t - origin, event.loss)
    window = read_window(borders, Measure(segments=segments), configuration)
    # A segment repeats what progress lines said.
    loss = next((series for series in losses.values() if series.pieces() or series.lost is not None), _LowestRank())
    return Course(
        head=head,
        loss=loss.pieces(),
        lost=loss.lost,
        evaluations=evaluations.pieces(),
        started=None if window.started is None else window.started - origin,
        window=tuple((begin - origin, end - origin) for begin, end in window.spans),
    )


def _reports_loss(event: Progress | Segment) -> bool:
    skipped = isinstance(event, Progress) and event.skipped
    return not skipped and (event.loss is not None or event.diverged)


def _events(lines: Iterator[Mapping[str, Any]]) -> Iterator[Event]:
    for record in lines:
        try:
            yield event_from(record, seen=float(record.get("seen", 0.0)), rank=int(record.get("rank", 0)))
        except (EventError, TypeError, ValueError):
            continue


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line, one at a time; what can't be read is passed over."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict):
                    yield record
    except OSError:
        return


def number(value: Any) -> float | None:
    """A finite number that fits into a picture as a float; None for all else."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < _LARGEST else None
