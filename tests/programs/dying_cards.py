"""A sampler of cards that are not there, whose fault strikes in the middle of a window."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Collection, Mapping, Sequence

from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card, Node, Sampler

METHODS = {"energy": "counter", "power": "instant", "memory": "used", "temperature": "core"}
#: Readings of power that go well: the ranks of tests/programs/faulty.py take as long to reach their third segment.
WELL = 8


class DyingCards(Sampler):
    """`fault`: raises, quits (an exception that none should raise), hangs, returns_late, exits, segfaults."""

    def __init__(self, fault: str) -> None:
        self._fault = fault
        self._readings = self._cards = 0

    def cards(self) -> Sequence[Card]:
        return [Card(0, "Fake 100", uuid="FAKE-0", total_bytes=64 * 2**30)]

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        self._cards = len(node.devices)
        return {channel: Source("dying", METHODS[channel]) for channel in channels if channel in METHODS}

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        self._readings += "power" in channels
        if self._readings > WELL and self._fault:
            getattr(self, self._fault)()
        now = time.monotonic()
        values = {"energy": 200 * now, "power": 200 + now % 0.7, "memory": 2.0**30, "temperature": 50.0}
        return {channel: [values[channel]] * self._cards for channel in channels if channel in values}

    def raises(self) -> None:
        raise RuntimeError("the driver is gone")

    def quits(self) -> None:
        raise KeyboardInterrupt

    def hangs(self) -> None:
        time.sleep(600)

    def returns_late(self) -> None:
        if self._readings == WELL + 1:
            time.sleep(1.5)

    def exits(self) -> None:
        os._exit(7)

    def segfaults(self) -> None:
        ctypes.string_at(0)
