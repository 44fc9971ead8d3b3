"""How long cards were held back within a window, and why (docs/method.md, section 4 and "Verdicts")."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pytest_sixdim.core.quantities import percent, shown
from pytest_sixdim.core.readings import HOLD_PERIODS, HOLD_SECONDS, held, present
from pytest_sixdim.core.records import SampleLog, Series, Source
from pytest_sixdim.core.spans import Span, duration

#: Channels by reason. The flagged ones make a window suspect; a power cap is normal in training and is only shown.
SLOWDOWNS: Mapping[str, str] = {
    "slowdown_hardware": "hardware slowdown",
    "slowdown_thermal": "thermal slowdown",
    "slowdown_power": "power cap",
}
NOT_CREDIBLE = ("slowdown_hardware", "slowdown_thermal")
#: The agent keeps microseconds of a counter: less is none.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Slowdowns:
    """`shares`: of the window's time by reason, of the card that was held back longest; a reason that no card can tell
    is left out. `suspect`: slowdowns that a window does not survive; `flags`: counters that tell nothing."""

    shares: Mapping[str, float]
    suspect: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Card:
    """One card's slowdown for one reason: `seconds` of the window (None: not known), `tolerance`: as good as none."""

    name: str
    seconds: float | None
    tolerance: float = 0.0
    backwards: bool = False


def read_slowdowns(spans: Sequence[Span], logs: Sequence[SampleLog]) -> Slowdowns:
    """The slowdowns over a window's spans; the logs' times are on the same clock."""
    shares: dict[str, float] = {}
    suspect: list[str] = []
    flags: list[str] = []
    window = duration(spans)
    for channel, reason in SLOWDOWNS.items():
        cards = [
            _read(_name(node, card.index, logs), series, log.sources.get(channel), spans)
            for node, log in enumerate(logs)
            for card, series in zip(log.cards, log.series.get(channel, ()), strict=False)
        ]
        flags += [f"{card.name}: {reason} not known: its counter went backwards" for card in cards if card.backwards]
        known = [(card.seconds, card) for card in cards if card.seconds is not None]
        if not known or window <= 0:
            continue
        seconds, worst = max(known, key=lambda pair: pair[0])
        shares[reason] = min(seconds / window, 1.0)
        if channel in NOT_CREDIBLE and seconds > worst.tolerance:
            where = f" of {worst.name}" if len(cards) > 1 else ""
            suspect.append(f"{reason}{where} for {shown(seconds)} s, {percent(shares[reason])} of the window")
    return Slowdowns(shares, tuple(suspect), tuple(flags))


def _name(node: int, card: int, logs: Sequence[SampleLog]) -> str:
    return f"node {node} card {card}" if len(logs) > 1 else f"card {card}"


def _read(name: str, series: Series, source: Source | None, spans: Sequence[Span]) -> _Card:
    if source is None or source.method != "counter":
        mean = held(series, spans).mean
        return _Card(name, None if mean is None else mean * duration(spans))
    around = _around(present(series), spans)
    if any(after < before for (_, before), (_, after) in pairwise(around)):
        return _Card(name, None, backwards=True)
    return _Card(name, _counted(around, spans), max(source.resolution or 0.0, _ROUNDING))


def _around(readings: Sequence[tuple[float, float]], spans: Sequence[Span]) -> Sequence[tuple[float, float]]:
    """The readings from the one before the spans to the one after them."""
    if not spans:
        return ()
    times = [t for t, _ in readings]
    return readings[max(0, bisect_right(times, spans[0][0]) - 1) : bisect_right(times, spans[-1][1]) + 1]


def _counted(readings: Sequence[tuple[float, float]], spans: Sequence[Span]) -> float | None:
    """Seconds that a counter counted within the spans, growing evenly between readings; None where it was not read
    at the window's edges."""
    if len(readings) < 2:
        return None
    times = [t for t, _ in readings]
    slack = max(HOLD_SECONDS, HOLD_PERIODS * statistics.median(b - a for a, b in pairwise(times)))
    if spans[0][0] < times[0] - slack or spans[-1][1] > times[-1] + slack:
        return None

    def at(t: float) -> float:
        index = min(max(bisect_right(times, t), 1), len(times) - 1)
        (begin, before), (end, after) = readings[index - 1], readings[index]
        share = min(max((t - begin) / (end - begin), 0.0), 1.0)
        return before + share * (after - before)

    return math.fsum(at(end) - at(begin) for begin, end in spans)
