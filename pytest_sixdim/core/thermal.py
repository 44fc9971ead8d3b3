"""What the cards' temperature and clocks say of a window (docs/method.md, warm-up, section 4 and "Verdicts")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.readings import present
from pytest_sixdim.core.records import SampleLog, Series
from pytest_sixdim.core.slowdown import read_slowdowns
from pytest_sixdim.core.window import WARMING_DEGREES, WARMING_SECONDS, Window


@dataclass(frozen=True)
class Thermal:
    """`throttled`: share of the window's time by reason, of the card that was held back longest; a reason that no
    card can tell is left out."""

    throttled: Mapping[str, float] = field(default_factory=dict)
    suspect: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def read_thermal(window: Window, logs: Sequence[SampleLog]) -> Thermal:
    """How long cards were held back within the window and why, and whether they were still warming up before it.

    The logs' times are on the clock of the window.
    """
    slowdowns = read_slowdowns(window.spans, logs)
    rises = [_rise(series, window) for log in logs for series in log.series.get("temperature", ())]
    rise = max((rise for rise in rises if rise is not None), default=0.0)
    flags = slowdowns.flags
    if rise >= WARMING_DEGREES and not window.warming:
        text = f"still warming up: a card's temperature rose {shown(rise)} degC in the {WARMING_SECONDS:.0f} s before"
        flags = (*flags, text)
    return Thermal(slowdowns.shares, slowdowns.suspect, flags)


def _rise(series: Series, window: Window) -> float | None:
    """By how much the card grew warmer in the time before the window, degC; None where that was not seen."""
    end = window.spans[0][0] if window.spans else None
    if end is None:
        return None
    before = [(t, value) for t, value in present(series) if end - WARMING_SECONDS <= t <= end]
    if len(before) < 2:
        return None
    return before[-1][1] - before[0][1]
