"""Dialects and samplers that tests name in an order: well-behaved ones, and one of each way to misbehave."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping

from pytest_sixdim.core.events import Event, Segment
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Node, Sampler, SamplerUnavailable


class Silent:
    """A dialect that has no `end` and reads nothing."""

    reports_end = False

    def read(self, line: str, *, seen: float, rank: int) -> Iterable[Event]:
        return []


class Careless:
    """A dialect that fails at lines it does not know, and gives numbers that are not finite."""

    reports_end = False

    def read(self, line: str, *, seen: float, rank: int) -> Iterable[Event]:
        index = {"one": 1, "two": 2}[line]
        yield Segment(t=seen, seen=seen, index=index, samples=1, seconds=1.0, steps=1, loss=float("nan"))


class Steady(Sampler):
    """Every channel it is asked for: 100 for the first card, 101 for the second, ..."""

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        self.cards = len(node.devices)
        return {channel: Source("steady", "instant") for channel in channels}

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        return {channel: [100.0 + card for card in range(self.cards)] for channel in channels}

    def summary(self) -> Mapping[str, object]:
        return {"cards": self.cards}


class Absent(Sampler):
    """Not on this host."""

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        raise SamplerUnavailable("no such library")

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        raise AssertionError("never opened")


class Raising(Steady):
    """Fails at every reading."""

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        raise RuntimeError("the driver is gone")


class Hanging(Steady):
    """Does not return from its first reading."""

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        time.sleep(600)
        return {}


class HangingAtOpen(Steady):
    """Does not get ready."""

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        time.sleep(600)
        return {}


class Crooked(Steady):
    """Gives one reading too few, and one that is no number."""

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        return {"power": [float("nan")] * self.cards, "energy": [1.0] * (self.cards - 1)}
