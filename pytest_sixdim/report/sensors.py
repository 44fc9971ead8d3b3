"""What the cards' sensors said during a run, from its samples.jsonl, as much as a picture needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.reading import json_lines
from pytest_sixdim.core.quantities import GIB
from pytest_sixdim.report.course import number
from pytest_sixdim.report.thinning import Pieces, Thinned

#: A silence longer than this, and than so many times the silence before it, is drawn as a gap: a sampler whose
#: readings cost much takes its time. In s.
GAP, SLOWER = 5.0, 3.0
#: A counter's difference over less than this says more of its steps than of the card. In s.
_COUNTED_SECONDS = 1.0
#: Sampler errors that are kept.
_ERRORS = 3


@dataclass(frozen=True)
class Readings:
    """One channel of a run.

    `cards`: a line a card by its name, x in seconds since launch. `source`: where the readings come from.
    `missing`: why there is no line.
    """

    cards: Mapping[str, Pieces] = field(default_factory=dict)
    source: str = ""
    missing: str | None = None


@dataclass(frozen=True)
class Sensors:
    """Power in W and memory in GiB; `errors`: what samplers said when they failed, the first few."""

    power: Readings
    memory: Readings
    errors: tuple[str, ...] = ()


class _Watts:
    """From a counter's joules to watts: the mean between two readings at least a second apart."""

    def __init__(self, wrap: float | None) -> None:
        self._wrap = wrap
        self._before: tuple[float, float] | None = None

    def __call__(self, t: float, joules: float) -> float | None:
        if self._before is None:
            self._before = (t, joules)
            return None
        seconds, counted = t - self._before[0], joules - self._before[1]
        if seconds < _COUNTED_SECONDS:
            return None
        if counted < 0 and self._wrap and -counted >= self._wrap / 2:
            counted += self._wrap
        self._before = (t, joules)
        return counted / seconds if counted >= 0 else None


def _converter(channel: str, wrap: float | None) -> Callable[[float, float], float | None]:
    """From the instant and the reading of a card to what is drawn."""
    if channel == "energy":
        return _Watts(wrap)
    return (lambda _t, used: used / GIB) if channel == "memory" else (lambda _t, watts: watts)


class _Line:
    """One card's line of a channel, filled reading by reading."""

    def __init__(self, channel: str, wrap: float | None) -> None:
        self._convert = _converter(channel, wrap)
        self._times: tuple[float, float] | None = None
        self.points = Thinned()

    def add(self, t: float, reading: float | None) -> None:
        """One more reading; None: the card did not answer."""
        if reading is None:
            self.points.cut()
            return
        before, earlier = self._times or (t, t)
        if t - before > max(GAP, SLOWER * (before - earlier)):
            self.points.cut()
        self._times = (t, before)
        value = self._convert(t, reading)
        if value is not None:
            self.points.add(t, value)


class _Lines:
    """The lines of one channel of one node, filled tick by tick."""

    def __init__(self, channel: str, head: Mapping[str, Any], names: list[str]) -> None:
        sources = head.get("sources")
        described = sources.get(channel) if isinstance(sources, dict) else None
        self._source: Mapping[str, Any] = described if isinstance(described, dict) else {}
        self.channel = channel
        self.cards = {name: _Line(channel, number(self._source.get("wrap"))) for name in names}

    def add(self, t: float, row: Any) -> None:
        """One tick: a reading a card, null where a card did not answer."""
        if isinstance(row, list):
            for value, line in zip(row, self.cards.values(), strict=False):
                line.add(t, number(value))

    @property
    def source(self) -> str:
        """As in "nvml, counter, card"."""
        how = [self._source.get(name) for name in ("sampler", "method", "scope")]
        kind = ["from the energy counter"] if self.channel == "energy" else []
        return ", ".join([*kind, *(str(part) for part in how if part is not None)])


def read_sensors(run: Path, first: Mapping[str, Any]) -> Sensors:
    """Read every node's samples.jsonl once, from its first line to its last.

    `first` is the head of the run's events: its instant is the launch. Power is drawn as polled, and worked out of
    the energy counter where nobody polled.
    """
    nodes = sorted(run.glob("node-*"))
    power: list[_Lines] = []
    memory: list[_Lines] = []
    reasons: dict[str, str] = {}
    errors: dict[str, None] = {}
    for node in nodes:
        ticks = json_lines(node / "samples.jsonl")
        head = next(ticks, {})
        names = _names(head, node.name.replace("-", " ") + ", " if len(nodes) > 1 else "")
        sources, unavailable = head.get("sources"), head.get("unavailable")
        polled = isinstance(sources, dict) and "power" in sources
        power.append(_Lines("power" if polled else "energy", head, names))
        memory.append(_Lines("memory", head, names))
        reasons |= unavailable if isinstance(unavailable, dict) else {}
        _fill((power[-1], memory[-1]), ticks, _launch(head, first), errors)
    missing = "no readings were recorded" if nodes else "the run left no readings"
    return Sensors(
        power=_joined(power, reasons.get("energy") or reasons.get("power") or missing),
        memory=_joined(memory, reasons.get("memory") or missing),
        errors=tuple(errors),
    )


def _fill(
    channels: Sequence[_Lines], ticks: Iterator[Mapping[str, Any]], launch: float, errors: dict[str, None]
) -> None:
    for tick in ticks:
        if "error" in tick and len(errors) < _ERRORS:
            errors.setdefault(str(tick["error"]))
        if (t := number(tick.get("t"))) is not None:
            for lines in channels:
                lines.add(t - launch, tick.get(lines.channel))


def _joined(nodes: list[_Lines], reason: str) -> Readings:
    cards = {name: line.points.pieces() for node in nodes for name, line in node.cards.items()}
    if not any(cards.values()):
        return Readings(missing=reason)
    return Readings(cards, "; ".join(dict.fromkeys(node.source for node in nodes)))


def _names(head: Mapping[str, Any], node: str) -> list[str]:
    cards = head.get("cards")
    count = len(cards) if isinstance(cards, list) else 0
    return [f"{node}card {index}" for index in range(count)]


def _launch(head: Mapping[str, Any], first: Mapping[str, Any]) -> float:
    """The launch on this node's monotonic clock; that of another boot is reached over the time of day."""
    here, there = number(head.get("monotonic")), number(first.get("monotonic"))
    if here is None or there is None or head.get("boot_id") == first.get("boot_id"):
        return (here or 0.0) if there is None else there
    return here - ((number(head.get("unix")) or 0.0) - (number(first.get("unix")) or 0.0))
