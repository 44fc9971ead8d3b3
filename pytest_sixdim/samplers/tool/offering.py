"""What a tool's first answer is good for: which channels are offered, and what is said of their source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card
from pytest_sixdim.samplers.tool.asking import Asking
from pytest_sixdim.samplers.tool.plausible import implausible
from pytest_sixdim.samplers.tool.reading import CardReading


def why_not(channel: str, tool: str, cards: Sequence[CardReading]) -> str | None:
    """Why the channel is not offered for the leased `cards`; None where it is."""
    if not any(channel in card.values for card in cards):
        return f"{tool} does not print it"
    if all(card.values.get(channel) is None for card in cards):
        unread = next((card.unread[channel] for card in cards if channel in card.unread), None)
        return (
            f"{tool} has no value for it" if unread is None else f"{tool}: {unread[:40]!r} is no {channel} with a unit"
        )
    reason = implausible(channel, cards)
    return f"{tool}: {reason}" if reason else None


def source(channel: str, asking: Asking, cards: Sequence[CardReading], boards: Mapping[tuple[str, ...], str]) -> Source:
    """Where the channel's readings come from. `boards`: by the keys of cards that share a board's sensor."""
    query = asking.query
    method = {"energy": "counter", "power": "instant"}.get(channel)
    if method is None:
        method = asking.fields[channel if channel in asking.fields else "memory_share"].labels[0]
    of_board = channel in ("power", "energy") and any(card.key in boards for card in cards)
    sensors = [("board", boards[card.key]) if card.key in boards else card.key for card in cards]
    return Source(
        query.tool,
        query.method.get(channel, method),
        scope="module" if of_board else query.scope,
        resolution=query.resolution.get(channel),
        sensors=tuple(sensors.index(sensor) for sensor in sensors) if of_board else None,
    )


def card(reading: CardReading, boards: Mapping[tuple[str, ...], str]) -> Card:
    """The card as the source lists it."""
    total = reading.values.get("memory_total")
    return Card(
        index=reading.index,
        name=reading.texts.get("name", ""),
        uuid=reading.texts.get("uuid"),
        pci=reading.texts.get("pci"),
        total_bytes=None if total is None else round(total),
        board=boards.get(reading.key),
        facts=facts(reading),
    )


def facts(reading: CardReading | None) -> CardFacts:
    """What is known of the card besides its channels, and their newest values; nothing where it did not answer."""
    found = CardFacts()
    if reading is None:
        return found
    texts, values = reading.texts, reading.values
    if "driver" in texts:
        found["driver"] = texts["driver"]
    if "firmware" in texts:
        found["firmware"] = texts["firmware"]
    if (limit := values.get("power_limit")) is not None:
        found["power_limit_watts"] = limit
    if (clock := values.get("clock")) is not None:
        found["clock_mhz"] = clock
    if (fastest := values.get("clock_max")) is not None:
        found["clock_max_mhz"] = fastest
    if (busy := values.get("utilization")) is not None:
        found["utilization_percent"] = busy
    if (used := values.get("memory")) is not None:
        found["memory_used_bytes"] = round(used)
    if (temperature := values.get("temperature")) is not None:
        found["temperature_celsius"] = temperature
    return found
