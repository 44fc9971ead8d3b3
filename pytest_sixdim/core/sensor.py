"""Sensors that stand still (docs/method.md, section 4)."""

from __future__ import annotations

import statistics
from collections.abc import Collection, Sequence
from decimal import Decimal
from itertools import groupby, pairwise

from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.readings import present
from pytest_sixdim.core.records import Series
from pytest_sixdim.core.spans import Span, holds

#: A source finer than this share of its reading must move within FINE_UPDATES; a coarser one within COARSE_UPDATES.
FINE = 0.001
FINE_UPDATES = 20
COARSE_UPDATES = 50
#: So many changes in the window tell how often the sensor updates.
_CHANGES = 3


def stuck_power(
    series: Series, spans: Sequence[Span], idle_until: float | None, resolution: float | None
) -> str | None:
    """Why the power sensor counts as stuck, or None.

    Args:
        series: polled readings, W.
        spans: the window's, merged.
        idle_until: readings before it are idle; None where nobody knows.
        resolution: the source's smallest step, W; None: read from the decimals of the readings.
    """
    readings = present(series)
    window = _inside(readings, spans)
    if len(window) < 2:
        return None
    idle = {value for t, value in readings if idle_until is not None and t < idle_until}
    if idle and len(idle | {value for _, value in window}) == 1:
        return f"stuck sensor: {shown(window[0][1])} W from idle to load"
    period = _update_period(window)
    step = resolution if resolution is not None else _resolution({value for _, value in readings})
    for value, stretch in groupby(window, key=lambda reading: reading[1]):
        times = [t for t, _ in stretch]
        updates = _updates(times, period)
        fine = step < FINE * abs(value)
        if updates >= FINE_UPDATES if fine else updates > COARSE_UPDATES:
            return f"stuck sensor: {shown(value)} W unchanged over {updates} updates"
    return None


def stuck_counter(series: Series, spans: Sequence[Span], period: float) -> str | None:
    """Why the energy counter counts as stuck within the window, or None. `period`: the usual time between ticks, s."""
    window = _inside(present(series), spans)
    for _, stretch in groupby(window, key=lambda reading: reading[1]):
        times = [t for t, _ in stretch]
        updates = _updates(times, period)
        if updates >= FINE_UPDATES:
            return f"stuck sensor: the energy counter stood still over {updates} updates"
    return None


def _inside(readings: Sequence[tuple[float, float]], spans: Sequence[Span]) -> list[tuple[float, float]]:
    """The readings of the window: what a sensor did in an evaluation between its segments says nothing of them."""
    return [(t, value) for t, value in readings if holds(spans, t)]


def _updates(times: Sequence[float], period: float) -> int:
    """How many updates brought the same value: readings that repeat it, no more than there were periods."""
    return min(len(times) - 1, round((times[-1] - times[0]) / period))


def _update_period(window: Sequence[tuple[float, float]]) -> float:
    """The usual time between two changes; where the readings hardly change, between two readings."""
    changes = [b[0] for a, b in pairwise(window) if a[1] != b[1]]
    times = changes if len(changes) > _CHANGES else [t for t, _ in window]
    return statistics.median(b - a for a, b in pairwise(times))


def _resolution(values: Collection[float]) -> float:
    """The last decimal that the readings use: 1 for whole numbers."""
    exponents = (Decimal(repr(value)).normalize().as_tuple().exponent for value in values)
    return float(10.0 ** min(0, *(exponent for exponent in exponents if isinstance(exponent, int)), 0))
