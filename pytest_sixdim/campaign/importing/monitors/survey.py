"""A first look at a monitor's log: its format, how many cards it usually shows, what it says of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.monitors.formats import MonitorFormat
from pytest_sixdim.campaign.importing.monitors.ticks import Tick, ticks
from pytest_sixdim.samplers.tool.reading import CardReading

#: What is taken of what a monitor shows.
CHANNELS = ("power", "memory", "temperature", "utilization")


#: Readings in a row that lie behind the last one: a clock that was set right a little costs fewer.
BEHIND = 12
#: What summer time puts a clock forward by, and how far readings usually lie apart at the most, s.
STEPS, PERIOD = (1800.0, 3600.0), 30.0


@dataclass(frozen=True)
class Survey:
    """What a monitor's log holds.

    Attributes:
        first, last: its earliest and latest reading, local time (Tick.local).
        cards: of the first reading that shows as many as most do.
        channels: those that have a value on any card.
        dropped: readings that show another number of cards, or of a time that was over: where a line is missing, those
            after it are of other cards than they seem.
    """

    form: MonitorFormat
    first: float
    last: float
    cards: tuple[CardReading, ...]
    channels: tuple[str, ...]
    dropped: int


def survey(monitor: Path, formats: Sequence[MonitorFormat]) -> Survey | None:
    """None for a log without times. Raises CannotImport where no reading has a card."""
    form = _format(monitor, formats)
    if form is None:
        return None
    number, found = 0, dict[int, _Alike]()
    for tick, cards in readings(monitor, form):
        number += 1
        if cards:
            found.setdefault(len(cards), _Alike(cards, tick.local)).add(tick, cards)
    if not found:
        raise CannotImport(f"{monitor}: its times never go on")
    usual = max(found.values(), key=lambda alike: (alike.number, len(alike.cards)))
    channels = tuple(name for name in CHANNELS if name in usual.channels)
    return Survey(form, usual.first, usual.last, tuple(usual.cards), channels, number - usual.number)


class _Alike:
    """The readings that show the same number of cards."""

    def __init__(self, cards: Sequence[CardReading], local: float) -> None:
        self.cards = cards
        self.first = self.last = local
        self.number = 0
        self.channels: set[str] = set()

    def add(self, tick: Tick, cards: Sequence[CardReading]) -> None:
        self.number += 1
        self.last = tick.local
        for name in CHANNELS:
            if name not in self.channels and any(card.values.get(name) is not None for card in cards):
                self.channels.add(name)


def readings(monitor: Path, form: MonitorFormat) -> Iterator[tuple[Tick, list[CardReading]]]:
    """The readings with their cards; none where time did not go on since the one before, and none any more once the
    local time was put forward or back: what follows is of other times than it seems."""
    before: float | None = None
    behind = 0
    moved = False
    for tick in ticks(monitor):
        on = before is None or tick.local > before
        behind = 0 if on else behind + 1
        moved = moved or behind > BEHIND or (before is not None and _is_put_forward(tick.local - before))
        before = tick.local if on and not moved else before
        yield tick, form.read(tick.lines) if on and not moved else []


def _is_put_forward(seconds: float) -> bool:
    """Whether the clock, and not the monitor, made this step: summer time begins."""
    return any(0 <= seconds - step <= PERIOD for step in STEPS)


def _format(monitor: Path, formats: Sequence[MonitorFormat]) -> MonitorFormat | None:
    """The first format that finds a card in any reading; None for a log without times."""
    dated = False
    for tick in ticks(monitor):
        dated = True
        for form in formats:
            if form.read(tick.lines):
                return form
    if dated:
        names = ", ".join(form.name for form in formats)
        raise CannotImport(f"{monitor}: no reading has a card in it; looked for {names}")
    return None
