"""Samplers of imaginary cards, for a process that has this directory on its PYTHONPATH: each shows one behaviour."""

from __future__ import annotations

import atexit
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card, Node, Sampler, SamplerUnavailable
from pytest_sixdim.samplers.identity import locate

GIB = 2**30
#: Of the energy counter, s; and how fast it counts, W.
TICK, WATTS = 0.02, 250.0


class TwoCards(Sampler):
    """Two cards with an energy counter that ticks every 20 ms, polled power, memory, and a foreign process on the
    second card."""

    def __init__(self, polled: float = WATTS, ticks: bool = True) -> None:
        self._polled, self._ticks = polled, ticks
        self._cards = 0
        self._channels: tuple[str, ...] = ("energy", "power", "memory", "temperature")

    def cards(self) -> Sequence[Card]:
        return [
            Card(index, "Imaginary 9", f"IMG-{index}", f"0000:{index + 1:02x}:00.0", 64 * GIB) for index in range(2)
        ]

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        self._located = locate(node.devices, self.cards())
        self._cards = len(node.devices)
        methods = {"energy": "counter", "power": "instant", "memory": "used", "temperature": "instant"}
        return {
            channel: Source("two", methods[channel], resolution=0.001 if channel == "energy" else None)
            for channel in channels
            if channel in methods
        }

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        joules = math.floor(time.monotonic() / TICK) * TICK * WATTS if self._ticks else 5.0
        values = {"energy": joules, "power": self._polled, "memory": 3.0 * GIB, "temperature": math.nan}
        return {channel: [values[channel]] * self._cards for channel in channels}

    def facts(self) -> Sequence[CardFacts]:
        facts = [
            CardFacts(driver="9.1", power_limit_watts=300.0, power_default_watts=300.0, clocks_locked=False)
            for _ in self._located
        ]
        for card, known in zip(self._located, facts, strict=True):
            known["utilization_percent"] = 0.0 if card.index == 0 else 87.0
            known["processes"] = [] if card.index == 0 else [{"pid": 4242, "name": "somebody", "bytes": 2 * GIB}]
        return facts


class QuietCards(TwoCards):
    """The same without the foreign process."""

    def facts(self) -> Sequence[CardFacts]:
        return [CardFacts(driver="9.1", utilization_percent=0.0, processes=[]) for _ in self._located]


class Stuck(QuietCards):
    """Its energy counter stands still."""

    def __init__(self) -> None:
        super().__init__(ticks=False)


class OneCounter(QuietCards):
    """The second card counts no energy."""

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        found = dict(super().read(channels))
        if "energy" in found:
            found["energy"] = [*found["energy"][:-1], None]
        return found


class NoPower(QuietCards):
    """It knows memory only."""

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        return super().open(node, set(channels) & {"memory"})


class HangsInReading(TwoCards):
    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        time.sleep(3600)
        return {}


class HangsWithATool(TwoCards):
    """It waits for a tool that never ends, whose number goes into the file that the environment names."""

    def cards(self) -> Sequence[Card]:
        tool = subprocess.Popen(["sleep", "3600"])
        Path(os.environ["TOOL_PID"]).write_text(str(tool.pid))
        tool.wait()
        return ()


class NeverUnloads(TwoCards):
    """Its library hangs when the process ends."""

    def facts(self) -> Sequence[CardFacts]:
        atexit.register(time.sleep, 3600)
        threading.Thread(target=time.sleep, args=(3600,)).start()
        return super().facts()


class Crashes(TwoCards):
    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        print("libimaginary: assertion failed", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
        return {}


class Prints(TwoCards):
    """It prints on descriptor 1, as a C library does, and through Python; and so does a tool that it runs."""

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        os.write(1, b'{"done": true, "reason": "noise"}\n')
        print("hello from the vendor", flush=True)
        subprocess.run(["echo", "and from its tool"], check=True)
        return super().read(channels)


class Raises(TwoCards):
    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        raise OverflowError("a vendor's surprise")


class Leaves(TwoCards):
    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        sys.exit("a vendor's farewell")


class Absent(Sampler):
    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        raise SamplerUnavailable("libimaginary.so.1 is not there")

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        return {}


class Explains(TwoCards):
    """It says why it has no clock, and complains."""

    def missing(self) -> Mapping[str, str]:
        return {"clock": "not supported by this driver"}

    def complaints(self) -> Sequence[str]:
        return ["card 1: temperature is N/A"]


class TooFew(TwoCards):
    """One power reading for two cards."""

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        return {**super().read(channels), "power": [1.0]}


class Late(TwoCards):
    """Power is due from the third reading on."""

    readings = 0

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        self.readings += 1
        found = dict(super().read(channels))
        if self.readings < 3:
            del found["power"]
        return found


class FactsFail(TwoCards):
    def facts(self) -> Sequence[CardFacts]:
        raise RuntimeError("no facts today")


class Where(Sampler):
    """It lists no card; it says what it was given."""

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        self._devices = node.devices
        node.directory.joinpath("a file").write_text("the node's directory can be written to")
        return {"memory": Source("where", "number of devices")}

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        return {"memory": [float(len(self._devices))] * len(self._devices)}

    def facts(self) -> Sequence[CardFacts]:
        return [CardFacts(driver=os.environ.get("IMAGINARY", ""), firmware=device.id) for device in self._devices]
