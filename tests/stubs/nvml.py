"""NVIDIA cards that are not there: builds tests/stubs/nvml.c, writes the trace that it plays, and knows the truth.

    stub = NvmlStub(built=build(directory), directory=tmp_path)
    playing = stub.play([StubCard(power=Square(100, 300, period=2.0)), StubCard(power=Steady(250))])
    subprocess.run(command, env={**os.environ, **playing.environment})    # the real pynvml finds the stub
    playing.joules(0, begin, end)                                         # what card 0 used, in monotonic s

The trace is a text file. A line that begins with "card" describes one card (1 to 8), all others the node; each holds
words `name=value[,value...]`, and "_" in names stands for a blank. Words of a card, times in s after the origin:

    name, uuid, pci            who it is
    power=steady:W             | square:LOW,HIGH,PERIOD,DUTY,PHASE | ramp:FROM,TO,SECONDS
    tick=PERIOD,PHASE          when counter and sensors move (0.1,0)
    window=S usage_window=S    what the instant field (0.025) and the plain power usage (1.0) average over
    gain=F step=W noise=W      of polled power: against the truth; the sensor's resolution; up and down at every tick
    energy_start=J wrap=J      of the counter (100000; never); backwards=AT,J: it falls
    stuck_power=AT stuck_energy=AT  gap=AT,SECONDS (power and energy fail)  lost=AT
    slow_power|slow_thermal|slow_hardware|slow_brake=AT,SHARE   held back from then on, for that share of the time
    temperature=FROM,TO,SECONDS memory=USED,TOTAL,RESERVED (MiB) utilization=% clock=NOW,MAX,APPLICATION,DEFAULT
    limit=W,DEFAULT ecc=CORRECTED,UNCORRECTED[,SINCE] replays=N xid=AT,NUMBER,... processes=PID,MIB,...
    mig=1 persistence=0
    architecture=N capability=MAJOR,MINOR reasons=BITS scope=module (no power of the GPU alone)
    without=FEATURE,...        answers "not supported": energy, instant, average, power_usage, memory, memory_v2,
                               temperature, temperature_v, utilization, clock, application_clock,
                               power_counter, reason_counters, violations, reasons, limit, ecc, replays,
                               processes, mig, persistence, events, ...
Of the node: origin=S (monotonic), driver, nvml, init=ERROR, clock=FILE (a double that is the time), without=FEATURE,...
(the library lacks the function).
"""

from __future__ import annotations

import math
import mmap
import shutil
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).with_name("nvml.c")
#: The variable that names the trace.
TRACE = "SIXDIM_NVML_TRACE"


@dataclass(frozen=True)
class Steady:
    """Watts that never change."""

    watts: float

    def word(self) -> str:
        return f"steady:{self.watts!r}"

    def joules(self, t: float) -> float:
        """From 0 to t."""
        return self.watts * t


@dataclass(frozen=True)
class Square:
    """`high` W for `duty` of each period, then `low` W."""

    low: float
    high: float
    period: float = 2.0
    duty: float = 0.5
    phase: float = 0.0

    def word(self) -> str:
        return f"square:{self.low!r},{self.high!r},{self.period!r},{self.duty!r},{self.phase!r}"

    def joules(self, t: float) -> float:
        """From 0 to t."""
        return self.low * t + (self.high - self.low) * (self._high(t + self.phase) - self._high(self.phase))

    def _high(self, t: float) -> float:
        whole = math.floor(t / self.period)
        return whole * self.period * self.duty + min(t - whole * self.period, self.period * self.duty)


@dataclass(frozen=True)
class Ramp:
    """From one power to another within `seconds`, and then on with that."""

    start: float
    end: float
    seconds: float

    def word(self) -> str:
        return f"ramp:{self.start!r},{self.end!r},{self.seconds!r}"

    def joules(self, t: float) -> float:
        """From 0 to t."""
        rising = min(max(t, 0.0), self.seconds)
        after = max(t - self.seconds, 0.0)
        before = min(t, 0.0)
        return (
            self.start * before
            + self.start * rising
            + (self.end - self.start) * rising**2 / (2 * self.seconds)
            + self.end * after
        )


@dataclass(frozen=True)
class StubCard:
    """One card; `words`: all else that the trace may say of it. uuid and pci are made up where they are None."""

    power: Steady | Square | Ramp = Steady(300.0)
    name: str = "NVIDIA H200"
    uuid: str | None = None
    pci: str | None = None
    words: Mapping[str, str | float] = field(default_factory=dict)

    def line(self, index: int) -> str:
        words: dict[str, object] = {
            "name": self.name.replace(" ", "_"),
            "uuid": self.uuid or f"GPU-{index:08x}-0000-0000-0000-000000000000",
            "pci": self.pci or f"00000000:{0x10 + index:02X}:00.0",
            "power": self.power.word(),
            **self.words,
        }
        return " ".join(["card", *(f"{name}={value}" for name, value in words.items())])


class Playing:
    """A trace that is being played.

    environment: for a process that is to find the stub as NVIDIA's library. clock: the file of the manual clock; other
    processes may write it too.
    """

    def __init__(self, cards: Sequence[StubCard], origin: float, environment: dict[str, str], clock: Path) -> None:
        self.cards = tuple(cards)
        self.origin = origin
        self.environment = environment
        self.clock = clock
        with clock.open("r+b") as file:
            self._clock = mmap.mmap(file.fileno(), 8)

    def set_clock(self, t: float) -> None:
        """Let it be t, where the trace was started with a manual clock."""
        self._clock[:] = struct.pack("d", t)

    def joules(self, card: int, begin: float, end: float) -> float:
        """What the card used between two instants on the monotonic clock (the manual clock where there is one)."""
        power = self.cards[card].power
        return power.joules(end - self.origin) - power.joules(begin - self.origin)


@dataclass(frozen=True)
class NvmlStub:
    """The compiled library, and a directory for traces."""

    built: Path
    directory: Path

    def play(
        self, cards: Sequence[StubCard], *, manual: bool = False, origin: float | None = None, **node: str | float
    ) -> Playing:
        """Write the trace. `manual`: it is when `set_clock` says; else the trace begins now, or at `origin`."""
        clock = self.directory / "nvml-clock"
        clock.write_bytes(struct.pack("d", 0.0))
        start = 0.0 if manual else time.monotonic() if origin is None else origin
        words: dict[str, object] = {"origin": repr(start), **({"clock": clock} if manual else {}), **node}
        lines = [" ".join(f"{name}={value}" for name, value in words.items())]
        lines += [card.line(index) for index, card in enumerate(cards)]
        trace = self.directory / "nvml-trace.txt"
        trace.write_text("\n".join(lines) + "\n")
        environment = {TRACE: str(trace), "LD_LIBRARY_PATH": str(self.built.parent)}
        return Playing(cards, start, environment, clock)


def build(directory: Path) -> Path:
    """Compile the stub as libnvidia-ml.so.1; returns its path. Raises RuntimeError where there is no gcc."""
    compiler = shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("no gcc to compile the stub of NVML with")
    library = directory / "libnvidia-ml.so.1"
    command = [compiler, "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-o", str(library), str(SOURCE), "-lm"]
    subprocess.run(command, check=True)
    return library
