"""Power: W per card over the window (docs/method.md, section 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pytest_sixdim.core.dimensions import UNITS
from pytest_sixdim.core.health import aftermath, without_window
from pytest_sixdim.core.meter_reading import MeterReading, read_meter
from pytest_sixdim.core.meters import meters
from pytest_sixdim.core.quantities import percent, shown
from pytest_sixdim.core.records import SampleLog
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.speed import SUSTAINED, speed_kinds
from pytest_sixdim.core.thermal import Thermal, read_thermal
from pytest_sixdim.core.window import Window

#: A stretch without a reading that is longer than this share of the window is flagged.
LONG_GAP = 0.05
_UNIT = UNITS["power"]


def measure_power(window: Window, logs: Sequence[SampleLog], *, failed: str | None = None) -> Measured:
    """Mean power of the leased cards over a run's window.

    Args:
        window: of the run.
        logs: one a node, their times on the clock of the window.
        failed: what health.failure says of the run.

    One card unknown makes all unknown. Where the scope is a package, the value is watts a package.
    """
    missing = without_window(window, _UNIT, failed)
    if missing is not None:
        return missing
    seconds = window.seconds
    if window.without_time is not None or seconds is None or window.samples == 0:
        nothing = window.suspect[0] if window.suspect else "a segment reports no time"
        return Measured(_UNIT, unknown=window.without_time or nothing)
    metered = meters(logs)
    if not metered:
        return Measured(_UNIT, unknown="no card was sampled")
    readings = [read_meter(meter, window) for meter in metered]
    thermal = read_thermal(window, logs)
    detail = {**_how(readings), "throttled": dict(thermal.throttled), "window_seconds": seconds}
    unknown = next((reading for reading in readings if reading.watts is None), None)
    if unknown is not None:
        reason = unknown.unknown if len(readings) == 1 else f"{unknown.name}: {unknown.unknown}"
        return Measured(_UNIT, unknown=reason, flags=aftermath(failed), detail=detail)
    return _measured(window, seconds, readings, thermal, detail, failed)


def _measured(
    window: Window,
    seconds: float,
    readings: Sequence[MeterReading],
    thermal: Thermal,
    detail: dict[str, Any],
    failed: str | None,
) -> Measured:
    watts = [reading.watts for reading in readings if reading.watts is not None]
    value = math.fsum(watts) / len(watts)
    sustained = _mean([reading.sustained for reading in readings])
    detail |= {
        "min_watts": min(watts),
        "max_watts": max(watts),
        "sum_watts": math.fsum(watts),
        "card0_watts": watts[0],
        "joules_per_sample": math.fsum(watts) * seconds / window.samples if window.samples else None,
        "joules_per_sample_of": {
            kind: math.fsum(watts) / speed
            for kind, speed in (speed_kinds(window) if window.samples else {}).items()
            if speed
        },
        "sustained_watts": sustained,
    }
    flags = [*window.flags, *aftermath(failed), *thermal.flags]
    flags += [reading.flag for reading in readings if reading.flag]
    if len(detail["methods"]) > 1:
        flags.append(f"not all cards were metered alike: {', '.join(detail['methods'])}")
    gap = detail["longest_gap_seconds"]
    if gap is not None and gap > LONG_GAP * seconds:
        flags.append(f"no reading for {shown(gap)} s of the window")
    if window.samples is None:
        flags.append("joules per sample unknown: the program does not say how many samples it trained on")
    if detail["scope"] != "card":
        flags.append(f"power of the {detail['scope']}, not of a card")
    if sustained is not None and sustained < (1 - SUSTAINED) * value:
        flags.append(f"sustained power {shown(sustained)} W is {percent(1 - sustained / value)} lower")
    suspect = [f"{reading.name}: {reading.suspect}" for reading in readings if reading.suspect]
    return Measured(
        _UNIT, value, suspect=(*window.suspect, *suspect, *thermal.suspect), flags=tuple(flags), detail=detail
    )


def _how(readings: Sequence[MeterReading]) -> dict[str, Any]:
    """How the figure came about: the methods, and the least and worst of all meters. One whose scope is not a card
    makes the figure of that scope."""
    sources = [reading.source for reading in readings if reading.source is not None]
    source = next((source for source in sources if source.scope != "card"), sources[0] if sources else None)
    ticks = [reading.tick for reading in readings if reading.tick is not None]
    steps = [reading.step for reading in readings if reading.step is not None]
    gaps = [reading.longest_gap for reading in readings if reading.longest_gap is not None]
    uncovered = [reading.uncovered for reading in readings if reading.uncovered is not None]
    return {
        "method": source.method if source else None,
        "methods": list(dict.fromkeys(source.method for source in sources)),
        "scope": source.scope if source else None,
        "sampler": source.sampler if source else None,
        "meters": [
            {"name": reading.name, "watts": reading.watts, "idle_watts": reading.idle, "polled_watts": reading.polled}
            for reading in readings
        ],
        "readings": min(reading.readings for reading in readings),
        "longest_gap_seconds": max(gaps, default=None),
        "uncovered_share": max(uncovered, default=None),
        "tick_seconds": max(ticks, default=None),
        "step_joules": max(steps, default=None),
        "resolution": source.resolution if source else None,
        "idle_watts": _mean([reading.idle for reading in readings]),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where one value is missing."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if values and len(known) == len(values) else None
