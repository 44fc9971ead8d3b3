"""How an energy counter moves: read as fast as it goes, beside polled power.

The tick decides how long a window must be: a reading is up to one tick old (docs/method.md).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median

from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Sampler

#: Seconds between polls of power: seldom, because they disturb the counter's readings.
POLL_PERIOD = 0.1


@dataclass(frozen=True)
class Ticks:
    """How one card's counter moved.

    tick_seconds: median between changes; step_joules: the smallest change; watts: of the counter, from its first change
    to its last; polled_watts: mean of the polled readings. None where too little was seen.
    """

    moves: bool
    tick_seconds: float | None = None
    step_joules: float | None = None
    watts: float | None = None
    polled_watts: float | None = None


def ticks(changes: Sequence[tuple[float, float]], wrap: float | None, polled: Sequence[float]) -> Ticks:
    """From the changes that were seen.

    changes: (s, J), the first reading and then each that differed from the one before. wrap: see Source. polled: W.
    """
    polled_watts = fmean(polled) if polled else None
    steps = [after - before for (_, before), (_, after) in pairwise(changes)]
    if wrap is not None:
        steps = [step + wrap if step < 0 else step for step in steps]
    forward = [step for step in steps if step > 0]
    if len(forward) < len(steps) or not steps:
        return Ticks(bool(steps), polled_watts=polled_watts)  # it stood still, or was set back
    times = [time for time, _ in changes[1:]]
    if len(times) < 2:
        return Ticks(True, step_joules=min(steps), polled_watts=polled_watts)
    tick = median(after - before for before, after in pairwise(times))
    watts = sum(steps[1:]) / (times[-1] - times[0])
    return Ticks(True, tick, min(steps), watts, polled_watts)


def calibrate(
    meter: Sampler, source: Source, poller: Sampler | None, cards: int, seconds: float, period: float = POLL_PERIOD
) -> list[Ticks | None]:
    """Read the counters of all `cards` for `seconds` without a pause, and poll power meanwhile.

    None for a card that has no counter: none of the readings came.
    A `poller` that is not the meter itself is asked from a thread of its own: a tool may take a second to answer.
    """
    changes: list[list[tuple[float, float]]] = [[] for _ in range(cards)]
    polled: list[list[float]] = [[] for _ in range(cards)]
    end = time.monotonic() + seconds

    def poll(sampler: Sampler) -> None:
        for readings, value in zip(polled, sampler.read(["power"]).get("power", []), strict=False):
            if value is not None:
                readings.append(value)

    def keep_polling(sampler: Sampler) -> None:
        with suppress(Exception):  # a tool that fails leaves fewer readings
            while time.monotonic() < end:
                poll(sampler)
                time.sleep(period)

    thread = None
    if poller is not None and poller is not meter:
        thread = threading.Thread(target=keep_polling, args=(poller,), daemon=True)
        thread.start()
    poll_due = time.monotonic()
    while (now := time.monotonic()) < end:
        if poller is meter and now >= poll_due:
            poll(meter)
            poll_due = now + period
            now = time.monotonic()
        for seen, value in zip(changes, meter.read(["energy"]).get("energy", []), strict=False):
            if value is not None and (not seen or seen[-1][1] != value):
                seen.append((now, value))
    if thread is not None:
        thread.join(2.0)
    return [
        ticks(seen, source.wrap, readings) if seen else None for seen, readings in zip(changes, polled, strict=True)
    ]
