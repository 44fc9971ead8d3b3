"""A first look at a monitor's log: its format, how many cards it usually shows, what it says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.monitors.formats import MonitorFormat
from pytest_sixdim.campaign.importing.monitors.ticks import Tick, ticks
from pytest_sixdim.samplers.tool.reading import CardReading

#: What is taken of what a monitor shows.
CHANNELS = ("power", "memory", "temperature", "utilization")


@dataclass(frozen=True)
class Survey:
    """What a monitor's log holds.

    Attributes:
        first, last: its earliest and latest reading, local time (Tick.local).
        cards: of the first reading that shows as many as most do.
        channels: those that have a value on any card.
        dropped: readings that are nobody's.
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
    counts = Counter(len(form.read(tick.lines)) for tick in ticks(monitor))
    del counts[0]
    usual = max(counts, key=lambda number: (counts[number], number))
    begin: float | None = None
    end = 0.0
    first: tuple[CardReading, ...] = ()
    known: set[str] = set()
    dropped = 0
    for tick, cards in readings(monitor, form, usual):
        if cards is None:
            dropped += 1
            continue
        begin, end = tick.local if begin is None else begin, tick.local
        first = first or tuple(cards)
        known |= {name for card in cards for name in CHANNELS if card.values.get(name) is not None}
    return Survey(form, begin or 0.0, end, first, tuple(name for name in CHANNELS if name in known), dropped)


def readings(monitor: Path, form: MonitorFormat, usual: int) -> Iterator[tuple[Tick, list[CardReading] | None]]:
    """The readings with their cards; None where their number is not `usual`, or time did not go on.

    A line that is missing shifts the lines after it to other cards: such a reading is nobody's.
    """
    before: float | None = None
    for tick in ticks(monitor):
        cards = form.read(tick.lines)
        ascending = before is None or tick.local > before
        if ascending:
            before = tick.local
        yield tick, cards if ascending and len(cards) == usual else None


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
