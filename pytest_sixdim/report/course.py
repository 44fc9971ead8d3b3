"""How a run went, from its events.jsonl: the loss, the evaluations, the window, as much as a picture needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.reading import json_lines
from pytest_sixdim.core.case import Configuration, Measure
from pytest_sixdim.core.events import Evaluation, Event, EventError, Progress, Segment, Start, WarmupEnd, event_from
from pytest_sixdim.core.spans import Span
from pytest_sixdim.core.window import Window, read_window
from pytest_sixdim.report.thinning import Pieces, Thinned

#: Larger numbers are no reading but a mistake, and would not fit into a picture.
_LARGEST = 1e100


@dataclass(frozen=True)
class Course:
    """A run's way, in seconds since its launch.

    Attributes:
        head: the first line of events.jsonl, which ties the clocks.
        loss: the training loss; `loss_by_step`: the same, with the training step as x, where all reports carry it.
        lost, lost_step: when the loss was first not finite.
        evaluations: values of the case's metric.
        started: when training began, None where the program did not say.
        window: when the counted segments trained; `window_steps`: the steps that they count.
        timeless: there were evaluations, and nobody knows when.
    """

    head: Mapping[str, Any]
    loss: Pieces = ()
    loss_by_step: Pieces = ()
    lost: float | None = None
    lost_step: float | None = None
    evaluations: Pieces = ()
    started: float | None = None
    window: tuple[Span, ...] = ()
    window_steps: tuple[Span, ...] = ()
    timeless: bool = False


class _LowestRank:
    """A series of which several ranks may report their own: the lowest rank's counts."""

    def __init__(self) -> None:
        self._begin(None)

    def _begin(self, rank: int | None) -> None:
        self._rank = rank
        self._series, self._by_step = Thinned(), Thinned()
        self._stepped = True
        self.lost: tuple[float, float | None] | None = None

    def add(self, rank: int, x: float | None, y: float | None, step: int | None = None) -> None:
        """One more value; None: it was not finite. An `x` of None: nobody knows when."""
        if self._rank is None or rank < self._rank:
            self._begin(rank)
        if rank != self._rank:
            return
        self._stepped = self._stepped and step is not None
        if y is None or abs(y) >= _LARGEST:
            self.lost = self.lost or (x or 0.0, step)
            return
        if x is not None:
            self._series.add(x, y)
        if step is not None:
            self._by_step.add(step, y)

    @property
    def reported(self) -> bool:
        """Whether there is a value at all."""
        return self._rank is not None

    def pieces(self) -> Pieces:
        """By time."""
        return self._series.pieces()

    def steps(self) -> Pieces:
        """By step; nothing where a report came without."""
        return self._by_step.pieces() if self._stepped else ()


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
    recorded = head.get("imported") is True
    for event in _events(lines):
        at = None if recorded and event.t == event.seen else event.t - origin  # no stamp in the log
        if isinstance(event, (Start, WarmupEnd, Segment, Evaluation)):
            borders.append(event)
        if isinstance(event, Evaluation) and event.metric in (None, metric):
            evaluations.add(event.rank, at, event.value)
        if isinstance(event, (Progress, Segment)) and _reports_loss(event):
            step = event.step if isinstance(event, Progress) else None
            losses[type(event)].add(event.rank, at, event.loss, step)
    window = read_window(borders, Measure(segments=segments), configuration, recorded=recorded)
    # A segment repeats what progress lines said.
    loss = next((series for series in losses.values() if series.reported), _LowestRank())
    return Course(
        head=head,
        loss=loss.pieces(),
        loss_by_step=loss.steps(),
        lost=loss.lost[0] if loss.lost else None,
        lost_step=loss.lost[1] if loss.lost else None,
        evaluations=evaluations.pieces(),
        started=None if window.started is None else window.started - origin,
        timeless=recorded and not evaluations.pieces() and evaluations.reported,
        window=tuple((begin - origin, end - origin) for begin, end in window.spans),
        window_steps=_steps(borders, window),
    )


def _steps(borders: list[Event], window: Window) -> tuple[Span, ...]:
    """The steps of the window, where the program said at which step its warm-up ended."""
    warmup = next((event for event in borders if isinstance(event, WarmupEnd)), None)
    if warmup is None or warmup.step is None or not window.steps:
        return ()
    return ((warmup.step, warmup.step + window.steps),)


def _reports_loss(event: Progress | Segment) -> bool:
    skipped = isinstance(event, Progress) and event.skipped
    return not skipped and (event.loss is not None or event.diverged)


def _events(lines: Iterator[Mapping[str, Any]]) -> Iterator[Event]:
    for record in lines:
        try:
            yield event_from(record, seen=float(record.get("seen", 0.0)), rank=int(record.get("rank", 0)))
        except (EventError, TypeError, ValueError):
            continue


def number(value: Any) -> float | None:
    """A finite number that fits into a picture as a float; None for all else."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < _LARGEST else None
