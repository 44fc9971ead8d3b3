"""How far off a window's average power is: ours, and that of polling.

    python -m benchmarks.power [WINDOWS] [SECONDS]

A stub of NVML plays known traces on eight cards whose phases differ. The real sampler reads it through the real pynvml,
ten times a second with a busy machine's jitter, for ten minutes on the stub's own clock, which is set by hand, so that
it takes seconds. Then windows of SECONDS are laid at random instants, and their average power is compared with
that of the trace: by core.meter_reading (what a result says), and as the mean of one poll every 1 s and 5 s, the
published method. Windows for which ours says "unknown" or "suspect" are counted, not averaged.
The aim: ours within 0.5 % wherever a counter gives it, and no figure from a sensor that does not tell. Polled power is
the fallback for cards without a counter; its sensor sees a quarter of the time.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pytest_sixdim.core.meter_reading import MeterReading, read_meter
from pytest_sixdim.core.meters import Meter, meters
from pytest_sixdim.core.records import CardInfo, SampleLog, Series, Source
from pytest_sixdim.core.segments import TimedSegment
from pytest_sixdim.core.window import Window
from pytest_sixdim.samplers import Device, Node
from pytest_sixdim.samplers.nvml import NvmlSampler
from tests.stubs.nvml import NvmlStub, Playing, Ramp, Square, Steady, StubCard, build

AIM = 0.005
SECONDS_PLAYED = 600.0
CARDS = 8
#: A100 and H100: readings change every 101 ms and look at 25 ms of them (GPU_Power_Benchmark).
TICK = 0.101
CHANNELS = ("energy", "power")


@dataclass(frozen=True)
class Trace:
    """One row of the table: a trace, what the sensor does to it, and what a result should say.

    wrap: declared by the source. counter: False for polled power only.
    """

    name: str
    power: Steady | Square | Ramp
    words: dict[str, Any] = field(default_factory=dict)
    wrap: float | None = None
    counter: bool = True


#: A training step, or a few of them; its period has nothing to do with that of any poll.
STEPS = Square(250.0, 700.0, 1.93, 0.7)
TRACES = (
    Trace("steady", Steady(500.0)),
    Trace("steady, no counter", Steady(500.0), counter=False),
    Trace("square wave, 0.37 s", Square(250.0, 700.0, 0.37)),
    Trace("square wave, 1.93 s", STEPS),
    Trace("the same, no counter", STEPS, counter=False),
    Trace("the same, no counter, sensor averages 1 s", STEPS, {"without": "instant"}, counter=False),
    Trace("square wave, 2 s: in step with the polls", replace(STEPS, period=2.0)),
    Trace("square wave, 9.7 s", Square(150.0, 700.0, 9.7, 0.8)),
    Trace("square wave, 61 s", Square(150.0, 700.0, 61.0, 0.9)),
    Trace("drifting", Ramp(400.0, 650.0, SECONDS_PLAYED)),
    Trace("no answer for 3 s", STEPS, {"gap": "300,3"}),
    Trace("counter wraps", STEPS, {"wrap": 65536, "energy_start": 1000}, wrap=65536.0),
    Trace("counter falls", STEPS, {"backwards": "300,50000"}),
    Trace("sensors stuck from 200 s on", STEPS, {"stuck_power": 200, "stuck_energy": 200}),
    Trace("the same, no counter", STEPS, {"stuck_power": 200}, counter=False),
    Trace("polled 8 % too low", STEPS, {"gain": 0.92}),
    Trace("card lost at 300 s", STEPS, {"lost": 300}),
)


@dataclass
class Errors:
    """Relative errors of windows; `unknown` and `suspect` count those without a figure of ours."""

    ours: list[float] = field(default_factory=list)
    polled: dict[float, list[float]] = field(default_factory=lambda: {1.0: [], 5.0: []})
    unknown: int = 0
    suspect: int = 0
    reasons: set[str] = field(default_factory=set)


def play(trace: Trace, stub: NvmlStub, random_: random.Random, seconds: float) -> tuple[Playing, tuple[Meter, ...]]:
    """The trace on CARDS cards, read by the sampler ten times a second; and the meters that core makes of it."""
    cards = [StubCard(phased(trace.power, n), words={"tick": f"{TICK},{n / 100}", "noise": 2.0, **trace.words})
             for n in range(CARDS)]  # fmt: skip
    playing = stub.play(cards, manual=True)
    os.environ.update(playing.environment)
    sampler = NvmlSampler(library=str(stub.built))
    devices = tuple(Device(n, str(n), "card", uuid=card.uuid) for n, card in enumerate(sampler.cards()))
    channels = CHANNELS if trace.counter else ("power",)
    sources = dict(sampler.open(Node(devices, Path(os.devnull)), channels))
    times: list[float] = []
    values: dict[str, list[list[float | None]]] = {channel: [[] for _ in cards] for channel in sources}
    for tick in range(int(seconds * 10)):
        # a little late every time, and more so now and then
        t = tick / 10 + min(0.09, random_.expovariate(1 / 0.002) + (random_.random() < 0.01) * 0.05)
        playing.set_clock(t)
        readings = sampler.read(sources.keys())
        times.append(t + random_.uniform(-0.001, 0.001))  # the middle of reading, not the very instant
        for channel, per_card in readings.items():
            for card, value in enumerate(per_card):
                values[channel][card].append(value)
    sampler.close()
    if trace.wrap is not None:
        sources["energy"] = replace(sources["energy"], wrap=trace.wrap)
    return playing, meters([sampled(devices, sources, times, values)])


def phased(power: Steady | Square | Ramp, card: int) -> Steady | Square | Ramp:
    """The same trace, begun elsewhere."""
    return replace(power, phase=card * power.period / CARDS) if isinstance(power, Square) else power


def sampled(
    devices: Sequence[Device],
    sources: dict[str, Source],
    times: Sequence[float],
    values: dict[str, list[list[float | None]]],
) -> SampleLog:
    """As store.read_samples gives it."""
    series = {name: tuple(Series(tuple(times), tuple(card)) for card in cards) for name, cards in values.items()}
    return SampleLog(tuple(CardInfo(d.index, d.id, d.name) for d in devices), sources, series)


def window(begin: float, end: float) -> Window:
    """Five segments from `begin` to `end`."""
    borders = [begin + (end - begin) * n / 5 for n in range(6)]
    segments = tuple(
        TimedSegment(n + 1, 1000, borders[n + 1] - borders[n], 100, borders[n + 1], ((borders[n], borders[n + 1]),))
        for n in range(5)
    )
    return Window(segments, (), wanted=5)


def polled_mean(series: Series, begin: float, end: float, period: float) -> float | None:
    """The mean of one poll every `period` s within the window: what was read last before each poll."""
    values = []
    t = begin
    while t < end:
        value = series.values[bisect_right(series.times, t) - 1]
        if value is not None:
            values.append(value)
        t += period
    return statistics.fmean(values) if values else None


def compare(trace: Trace, stub: NvmlStub, windows: int, seconds: float, played: float = SECONDS_PLAYED) -> Errors:
    """Lay windows at random over the trace's cards."""
    random_ = random.Random(trace.name)
    playing, metered = play(trace, stub, random_, played)
    errors = Errors()
    for n in range(windows):
        card = n % CARDS
        begin = random_.uniform(2.0, played - seconds - 2.0)
        end = begin + seconds
        truth = playing.joules(card, begin, end) / seconds
        reading = read_meter(metered[card], window(begin, end))
        note(errors, reading, truth)
        power = metered[card].power
        for period, found in errors.polled.items():
            mean = polled_mean(power, begin, end, period) if power is not None else None
            if mean is not None:
                found.append(abs(mean / truth - 1))
    return errors


def note(errors: Errors, reading: MeterReading, truth: float) -> None:
    """What a result would say of this window."""
    if reading.watts is None:
        errors.unknown += 1
        errors.reasons.add(str(reading.unknown))
    elif reading.suspect is not None:
        errors.suspect += 1
        errors.reasons.add(reading.suspect)
    else:
        errors.ours.append(abs(reading.watts / truth - 1))


def shown(errors: Sequence[float]) -> str:
    """Median / 95th percentile / largest, %."""
    if not errors:
        return "-"
    ascending = sorted(errors)
    p95 = ascending[min(len(ascending) - 1, int(0.95 * len(ascending)))]
    return " / ".join(f"{100 * value:.2f}" for value in (statistics.median(ascending), p95, ascending[-1]))


def largest(errors: Sequence[float]) -> str:
    """The largest error, %, of how many windows: none is no proof."""
    return f"{100 * max(errors):.3f} % of {len(errors)} windows" if errors else "no window had a figure"


def main() -> None:
    """Play, compare, print."""
    windows = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    found: dict[bool, list[float]] = {True: [], False: []}
    print(f"error of the mean power of {windows} windows of {seconds:g} s: median / p95 / largest, %\n")
    print("| trace | ours | no figure | one poll every 1 s | every 5 s (published) |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        stub = NvmlStub(build(Path(name)), Path(name))
        for trace in TRACES:
            errors = compare(trace, stub, windows, seconds)
            without = [f"{errors.unknown} unknown"] * (errors.unknown > 0)
            without += [f"{errors.suspect} suspect"] * (errors.suspect > 0)
            cells = (trace.name, shown(errors.ours), ", ".join(without) or "-", *map(shown, errors.polled.values()))
            print("| " + " | ".join(cells) + " |", flush=True)
            found[trace.counter] += errors.ours
    print(f"\nour largest error: {largest(found[True])} by counter (aim: {100 * AIM:g} %), ", end="")
    print(f"{largest(found[False])} without one")


if __name__ == "__main__":
    main()
