"""Dialects and samplers that tests name in an order: well-behaved ones, and one of each way to misbehave."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from pytest_sixdim.core.events import Event, Segment
from pytest_sixdim.core.facts import CardFacts, ProcessOnCard
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
        self.count = len(node.devices)
        return {channel: Source("steady", "instant") for channel in channels}

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        return {channel: [100.0 + card for card in range(self.count)] for channel in channels}

    def summary(self) -> Mapping[str, object]:
        return {"cards": self.count}

    def close(self) -> None:
        del self.count


class Dear(Steady):
    """Reads once, and whenever it is due at once."""

    due = True

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        due, self.due = self.due, False
        return super().read(channels) if due else {}

    def due_now(self) -> None:
        self.due = True


class Absent(Sampler):
    """Not on this host."""

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        raise SamplerUnavailable("no such library")

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        raise AssertionError("never opened")


class Knowing(Steady):
    """Knows a power limit (700 W for the first card, 701 W for the second, ...) or what its options say, how often it
    was asked, and which processes are on the cards: the agent and `pids`."""

    def __init__(self, limit: float = 700.0, driver: str | None = None, pids: Sequence[int] = ()) -> None:
        self._limit, self._driver, self._pids = limit, driver, pids
        self._asked = 0

    def facts(self) -> Sequence[CardFacts]:
        self._asked += 1
        return [self._of(card) for card in range(self.count)]

    def _of(self, card: int) -> CardFacts:
        known = CardFacts(power_limit_watts=self._limit + card, ecc_corrected=self._asked)
        known["processes"] = [ProcessOnCard(pid=pid, bytes=2**30) for pid in (os.getpid(), *self._pids)]
        known["driver"] = self._driver  # type: ignore[typeddict-item]  # a careless sampler
        return known


class Tongueless(Steady):
    """Reads, but fails to tell what it knows."""

    def facts(self) -> Sequence[CardFacts]:
        raise RuntimeError("the driver is gone")


class Uneven(Steady):
    """Tells of one card too many."""

    def facts(self) -> Sequence[CardFacts]:
        return [CardFacts()] * (self.count + 1)


def hang(node: Node) -> None:
    """Do not come back, which a file says."""
    (node.directory / "hangs").touch()
    time.sleep(600)


class Rambling(Steady):
    """Never ends telling."""

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        self.node = node
        return super().open(node, channels)

    def facts(self) -> Sequence[CardFacts]:
        hang(self.node)
        return []


class Slow(Knowing):
    """Takes its time to tell."""

    def facts(self) -> Sequence[CardFacts]:
        time.sleep(0.3)
        return super().facts()


class Raising(Steady):
    """Fails at every reading."""

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        raise RuntimeError("the driver is gone")


class Quitting(Steady):
    """Ends the process, as it thinks, at every reading."""

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        raise SystemExit("no licence")


class Wordless(Steady):
    """Has nothing to tell, and says so in a way of its own."""

    def facts(self) -> Sequence[CardFacts]:
        return [None] * self.count  # type: ignore[list-item]


class Unaccountable(Steady):
    """Fails to say what it did."""

    def summary(self) -> Mapping[str, object]:
        raise RuntimeError("the driver is gone")


class Verbose(Steady):
    """Says more of what it did than JSON can hold."""

    def summary(self) -> Mapping[str, object]:
        return {"cards": {1, 2}, "share": float("nan"), "calls": 3}


class Brooding(Steady):
    """Never ends saying what it did."""

    def summary(self) -> Mapping[str, object]:
        time.sleep(600)
        return {}


class Clinging(Steady):
    """Fails to be closed."""

    def close(self) -> None:
        raise RuntimeError("busy")


class Leaving(Steady):
    """Leaves a file behind when it is closed."""

    def __init__(self, path: str) -> None:
        self._path = path

    def close(self) -> None:
        Path(self._path).touch()


class Puzzling(Steady):
    """Fails to say what it lacks."""

    def missing(self) -> Mapping[str, str]:
        raise RuntimeError("the driver is gone")


class Hanging(Steady):
    """Does not return from its first reading."""

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        self.node = node
        return super().open(node, channels)

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        hang(self.node)
        return {}


class HangingAtOpen(Steady):
    """Does not get ready."""

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        hang(node)
        return {}


class Crooked(Steady):
    """Gives one reading too few, and one that is no number."""

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        return {"power": [float("nan")] * self.count, "energy": [1.0] * (self.count - 1)}
