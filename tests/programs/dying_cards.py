"""A sampler of cards that are not there, whose fault strikes when the program says so: in the middle of its window."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card, Node, Sampler

METHODS = {"energy": "counter", "power": "instant", "memory": "used", "temperature": "core"}


class DyingCards(Sampler):
    """`fault`: raises, quits (an exception that none should raise), hangs, returns_late, exits, segfaults.

    It strikes at readings of power from when there is a file `place`, and says so by another, `place`.struck.
    """

    def __init__(self, fault: str, place: str) -> None:
        self._fault = fault
        self._place, self._struck = Path(place), Path(place + ".struck")
        self._strikes = self._cards = 0

    def cards(self) -> Sequence[Card]:
        return [Card(0, "Fake 100", uuid="FAKE-0", total_bytes=64 * 2**30)]

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        self._cards = len(node.devices)
        return {channel: Source("dying", METHODS[channel]) for channel in channels if channel in METHODS}

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        if "power" in channels and self._place.exists():
            self._strikes += 1
            if self._fault != "returns_late" or self._strikes > 1:
                self._struck.touch()
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
        if self._strikes == 1:
            time.sleep(1.5)

    def exits(self) -> None:
        os._exit(7)

    def segfaults(self) -> None:
        ctypes.string_at(0)
