"""What the cards' temperature and clocks say of a window (docs/method.md, warm-up, section 4 and "Verdicts")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_sixdim.core.quantities import percent, shown
from pytest_sixdim.core.readings import held, present
from pytest_sixdim.core.records import SampleLog, Series
from pytest_sixdim.core.window import Window

#: A card that grew warmer by this much in so many seconds before the window was not warmed up.
WARMING_DEGREES = 1.0
WARMING_SECONDS = 60.0

#: Channels that are 1 while the card is held back for a reason, else 0, with the reason; the flagged ones make a
#: window suspect, a power cap is normal in training and is only shown.
SLOWDOWNS: Mapping[str, str] = {
    "slowdown_hardware": "hardware slowdown",
    "slowdown_thermal": "thermal slowdown",
    "slowdown_power": "power cap",
}
NOT_CREDIBLE = ("slowdown_hardware", "slowdown_thermal")


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
    throttled: dict[str, float] = {}
    suspect = []
    for channel, reason in SLOWDOWNS.items():
        means = [held(series, window.spans).mean for log in logs for series in log.series.get(channel, ())]
        known = [mean for mean in means if mean is not None]
        if not known:
            continue
        throttled[reason] = max(known)
        if channel in NOT_CREDIBLE and throttled[reason] > 0:
            suspect.append(f"{reason} during {percent(throttled[reason])} of the window")
    rises = [_rise(series, window) for log in logs for series in log.series.get("temperature", ())]
    rise = max((rise for rise in rises if rise is not None), default=0.0)
    flags: tuple[str, ...] = ()
    if rise >= WARMING_DEGREES:
        flags = (
            f"still warming up: a card's temperature rose {shown(rise)} degC in the {WARMING_SECONDS:.0f} s before",
        )
    return Thermal(throttled, tuple(suspect), flags)


def _rise(series: Series, window: Window) -> float | None:
    """By how much the card grew warmer in the time before the window, degC; None where that was not seen."""
    end = window.spans[0][0] if window.spans else None
    if end is None:
        return None
    before = [(t, value) for t, value in present(series) if end - WARMING_SECONDS <= t <= end]
    if len(before) < 2:
        return None
    return before[-1][1] - before[0][1]
