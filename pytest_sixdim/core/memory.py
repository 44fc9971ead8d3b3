"""Memory: GiB per card over the window, the fullest card (docs/method.md, section 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pytest_sixdim.core.dimensions import UNITS
from pytest_sixdim.core.events import Event, Memory
from pytest_sixdim.core.health import aftermath, without_window
from pytest_sixdim.core.quantities import GIB, percent, shown
from pytest_sixdim.core.readings import Held, held, present
from pytest_sixdim.core.records import SampleLog, Series
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.spans import duration
from pytest_sixdim.core.window import Window

#: Growth from the first to the last counted segment above this is flagged.
GROWTH = 0.01
#: A larger share of the window without a reading is flagged.
UNCOVERED = 0.05
#: Where a larger share, and more seconds than these, have none, what was read says too little: a window of seconds may
#: well lie between two readings.
TOO_LITTLE, TOO_LITTLE_SECONDS = 0.5, 10.0
_UNIT = UNITS["memory"]


def measure_memory(
    window: Window,
    events: Sequence[Event],
    logs: Sequence[SampleLog],
    *,
    failed: str | None = None,
    preallocates: bool = False,
) -> Measured:
    """Time-weighted mean of the used memory over a run's window, of the fullest card.

    Args:
        window, events, logs: of the run; the logs, one a node, have times on the clock of the window.
        failed: what health.failure says of the run.
        preallocates: the program takes memory that it may not need: the figure is "reserved" and not judged.
    """
    missing = without_window(window, _UNIT, failed)
    if missing is not None:
        return missing
    if window.without_time is not None:
        return Measured(_UNIT, unknown=window.without_time)
    cards = [(node, log, card) for node, log in enumerate(logs) for card in range(len(log.cards))]
    if not cards:
        return Measured(_UNIT, unknown="no card was sampled")
    over: list[Held] = []
    readings: list[Series] = []
    for node, log, card in cards:
        series = log.series.get("memory", ())
        card_over = held(series[card], window.spans) if card < len(series) else None
        if card_over is None or card_over.mean is None or card_over.readings == 0:
            where = f"node {node} " if len(logs) > 1 else ""
            return Measured(_UNIT, unknown=_reason(log, where, card, duration(window.spans)))
        over.append(card_over)
        readings.append(series[card])
    means = [card_over.mean / GIB for card_over in over if card_over.mean is not None]
    fullest = max(range(len(means)), key=means.__getitem__)
    total = cards[fullest][1].cards[cards[fullest][2]].total_bytes
    source = cards[fullest][1].sources.get("memory")
    growth = _growth(window, readings)
    detail: dict[str, Any] = {
        "fullest_card": fullest,
        "cards_gib": means,
        "min_gib": min(means),
        "mean_gib": math.fsum(means) / len(means),
        "card0_gib": means[0],
        "peak_gib": max(value for series in readings for _, value in present(series)) / GIB,
        "idle_gib": _idle(window, readings),
        "total_gib": total / GIB if total else None,
        "allocated_gib": _peak(events, "peak_allocated"),
        "reserved_gib": _peak(events, "peak_reserved"),
        "growth": growth,
        "method": source.method if source else None,
        "sampler": source.sampler if source else None,
        "readings": min(card_over.readings for card_over in over),
    }
    flags = [*window.flags, *aftermath(failed)]
    if growth is not None and growth > GROWTH:
        flags.append(f"memory grew by {percent(growth)} from the first to the last segment")
    uncovered = 1 - min(card_over.covered for card_over in over) / duration(window.spans)
    if uncovered > UNCOVERED:
        flags.append(f"{percent(uncovered)} of the window has no memory reading")
    if uncovered > TOO_LITTLE and uncovered * duration(window.spans) > TOO_LITTLE_SECONDS:
        unread = f"{percent(uncovered)} of the window has no memory reading"
        return Measured(_UNIT, unknown=unread, flags=aftermath(failed), detail=detail)
    reserved = "reserved: the program takes memory in advance" if preallocates else None
    return Measured(_UNIT, means[fullest], unjudged=reserved, suspect=window.suspect, flags=tuple(flags), detail=detail)


def _reason(log: SampleLog, node: str, card: int, seconds: float) -> str:
    if "memory" in log.unavailable:
        return log.unavailable["memory"]
    return f"{node}card {log.cards[card].index}: no memory reading in the window of {shown(seconds)} s"


def _growth(window: Window, every_series: Sequence[Series]) -> float | None:
    """The largest growth of a card from the first to the last counted segment; None where one has no reading."""
    growths = []
    for series in every_series:
        first, last = (held(series, window.segments[index].spans) for index in (0, -1))
        if first.mean and last.mean is not None and first.readings and last.readings:
            growths.append(last.mean / first.mean - 1)
    return max(growths) if len(growths) == len(every_series) else None


def _idle(window: Window, every_series: Sequence[Series]) -> float | None:
    """GiB on the fullest card before training began, at the least: the program may already be loading."""
    if window.started is None:
        return None
    least = [
        min((value for t, value in present(series) if t < window.started), default=None) for series in every_series
    ]
    known = [value for value in least if value is not None]
    return max(known) / GIB if len(known) == len(least) else None


def _peak(events: Sequence[Event], field: str) -> float | None:
    """The framework's peak over all ranks, GiB; None where no rank reported it."""
    peaks = [getattr(event, field) for event in events if isinstance(event, Memory)]
    known = [peak for peak in peaks if peak is not None]
    return max(known) / GIB if known else None
