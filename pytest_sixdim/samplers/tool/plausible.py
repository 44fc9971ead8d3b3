"""Readings that cannot be: what a unit mistaken, or a column, makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_sixdim.core.quantities import shown
from pytest_sixdim.samplers.tool.reading import CardReading

#: W, of a card that prints no cap. Degrees Celsius. Percent.
MOST_WATTS = 5000.0
COLDEST, HOTTEST = -20.0, 120.0
MOST_BUSY = 100.0


def implausible(channel: str, cards: Sequence[CardReading]) -> str | None:
    """Why the channel's readings are not to be believed; None where they may be."""
    for card in cards:
        value = card.values.get(channel)
        reason = None if value is None else _reason(channel, value, card)
        if reason is not None:
            return f"implausible: card {card.texts.get('index', card.key[-1])} {reason}"
    return None


def believed(channel: str, card: CardReading | None) -> float | None:
    """The channel's reading; None where there is none, or none that can be."""
    return None if card is None or implausible(channel, [card]) else card.values.get(channel)


def _reason(channel: str, value: float, card: CardReading) -> str | None:
    if channel == "power":
        limit = card.values.get("power_limit")
        most = 2 * limit if limit else MOST_WATTS
        if not 0 <= value <= most:
            return f"draws {shown(value)} W" + (f" under a cap of {shown(limit)} W" if limit else "")
    elif channel == "memory":
        total = card.values.get("memory_total")
        if value < 0 or (total is not None and value > total):
            return f"uses {shown(value)} of {'?' if total is None else shown(total)} bytes"
    elif channel == "temperature" and not COLDEST <= value <= HOTTEST:
        return f"is {shown(value)} degC"
    elif channel == "utilization" and not 0 <= value <= MOST_BUSY:
        return f"is {shown(value)} % busy"
    elif value < 0:
        return f"reads {shown(value)}"
    return None
