"""A sampler of cards that are not there: what it says stands in a JSON file, which a test writes.

    {"watts": 200, "polled": 200, "tick": 0.05, "still": false, "facts": {...}}

Energy counts `watts` in steps of `tick` s, and stands still where `still` says so; `facts` are those of every card.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card, Node, Sampler

METHODS = {"energy": "counter", "power": "instant", "memory": "used", "utilization": "busy"}


class FakeCards(Sampler):
    def __init__(self, state: str, cards: int = 2) -> None:
        self._path = Path(state)
        self._cards = cards
        self._node: Node | None = None

    def cards(self) -> Sequence[Card]:
        return [Card(index, "Fake 100", uuid=f"FAKE-{index}", total_bytes=64 * 2**30) for index in range(self._cards)]

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        self._node = node
        return {channel: Source("fake", METHODS[channel]) for channel in channels if channel in METHODS}

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        assert self._node is not None
        state = json.loads(self._path.read_text())
        tick = state.get("tick", 0.05)
        ticks = 0 if state.get("still") else time.monotonic() // tick
        values = {
            "energy": state.get("watts", 200.0) * tick * ticks,
            # a real sensor is never quite steady
            "power": state.get("polled", 200.0) + time.monotonic() % 0.7,
            "memory": state.get("memory", 2**30),
            "utilization": state.get("utilization", 0.0),
        }
        return {channel: [values[channel]] * len(self._node.devices) for channel in channels if channel in values}

    def facts(self) -> Sequence[CardFacts]:
        assert self._node is not None
        known: CardFacts = json.loads(self._path.read_text()).get("facts", {})
        return [known] * len(self._node.devices)
