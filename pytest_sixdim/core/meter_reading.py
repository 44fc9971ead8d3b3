"""What one meter says of a window: watts, or why not (docs/method.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_sixdim.core.energy import EnergyCurve, energy_curve
from pytest_sixdim.core.meters import Meter
from pytest_sixdim.core.quantities import percent, shown
from pytest_sixdim.core.readings import held
from pytest_sixdim.core.records import Series, Source
from pytest_sixdim.core.sensor import stuck_counter, stuck_power
from pytest_sixdim.core.spans import Span, duration
from pytest_sixdim.core.window import Window

#: With less than this, power is unknown.
LEAST_SECONDS = 30.0
LEAST_READINGS = 60
LEAST_TICKS = 100
#: So much of the window may be uncovered.
UNCOVERED = 0.05
#: Counter and polled power further apart than this are not credible.
APART = 0.05
#: A counter that ticks less often than this in the window says nothing of polled power either.
LEAST_COARSE_TICKS = 20
#: A window of 30 s may miss them by the rounding of a float.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class MeterReading:
    """One meter over a window.

    Attributes:
        watts: None where `unknown` says why.
        readings: polled readings, or counter ticks, within the window.
        longest_gap: between two of them, s.
        uncovered: share of the window.
        tick, step: of the energy counter: the usual time between two changes (s), and the smallest change (J).
        idle, sustained: watts before training began, and over the segments after the window; None where not seen.
        polled: watts of the polled power where the counter gives the value and both are there.
        source: of the watts.
        suspect: why the watts are not credible.
        flag: what a reader should know of how they came about.
    """

    name: str
    watts: float | None = None
    unknown: str | None = None
    readings: int = 0
    longest_gap: float | None = None
    uncovered: float | None = None
    tick: float | None = None
    step: float | None = None
    idle: float | None = None
    sustained: float | None = None
    polled: float | None = None
    source: Source | None = None
    suspect: str | None = None
    flag: str | None = None


def read_meter(meter: Meter, window: Window) -> MeterReading:
    """The meter over the window: by its energy counter where it has one that counts and ticks often enough, else by
    polled power."""
    if meter.energy is None and meter.power is None:
        return MeterReading(meter.name, unknown=f"no sensor: {meter.unavailable}")
    useless = _useless(meter, window) if meter.energy is not None and meter.power is not None else None
    if meter.energy is not None and useless is None:
        reading = _by_counter(meter.name, meter.energy, meter.energy_source, window)
    else:
        assert meter.power is not None
        reading = _by_polling(meter.name, meter.power, meter.power_source, window)
        reading = replace(reading, flag=useless and f"{meter.name}: {useless}; polled power counts")
    seconds = window.seconds or 0.0
    if seconds < LEAST_SECONDS - _ROUNDING:
        reading = replace(reading, unknown=f"the window is {shown(seconds)} s, {LEAST_SECONDS:.0f} s are needed")
    if reading.unknown is not None:
        return replace(reading, watts=None)
    return _coarsely_checked(reading, meter, window) if useless else _cross_checked(reading, meter, window)


def _useless(meter: Meter, window: Window) -> str | None:
    """Why an energy counter gives no figure, though nothing is wrong with it in the window: it never moved, or it
    moves too seldom. One that stops or falls meanwhile is another matter: then nothing of the card is believed."""
    assert meter.energy is not None
    curve = energy_curve(meter.energy, meter.energy_source.wrap if meter.energy_source else None)
    if not curve.times:
        return "the energy counter never moved"
    period = curve.period(window.spans)
    if period is None or period * LEAST_TICKS > duration(window.spans):
        every = "once" if period is None else f"every {shown(period)} s"
        return f"the energy counter ticks {every}, too seldom for the window"
    return None


def _by_counter(name: str, series: Series, source: Source | None, window: Window) -> MeterReading:
    spans = window.spans
    curve = energy_curve(series, source.wrap if source else None)
    covered, period = curve.covered(spans), curve.period(spans)
    uncovered = 1 - duration(covered) / duration(spans)
    ticks = curve.ticks(spans)
    unknown = None
    if any(spans[0][0] <= t <= spans[-1][1] for t in curve.backwards):
        unknown = "the energy counter went backwards"
    elif period is not None and (stuck := stuck_counter(series, spans, period)):
        unknown = stuck
    elif ticks < LEAST_TICKS:
        unknown = f"{ticks} ticks of the energy counter in the window, {LEAST_TICKS} are needed"
    elif uncovered > UNCOVERED:
        unknown = f"{percent(uncovered)} of the window is not covered"
    reading = MeterReading(
        name,
        watts=_watts(curve, covered),
        unknown=unknown,
        readings=ticks,
        longest_gap=held(Series(curve.times, curve.joules), spans).longest_gap,
        uncovered=uncovered,
        tick=period,
        step=curve.step(spans),
        sustained=_sustained(curve, window),
        source=source,
    )
    if window.started is not None and curve.times and not any(t <= window.started for t in curve.backwards):
        reading = replace(reading, idle=_watts(curve, curve.covered([(curve.times[0], window.started)])))
    return reading


def _by_polling(name: str, series: Series, source: Source | None, window: Window) -> MeterReading:
    over, later = held(series, window.spans), held(series, window.later_spans)
    uncovered = 1 - over.covered / duration(window.spans)
    unknown = None
    if over.readings < LEAST_READINGS:
        unknown = f"{over.readings} readings in the window, {LEAST_READINGS} are needed"
    elif uncovered > UNCOVERED:
        unknown = f"{percent(uncovered)} of the window is not covered"
    else:
        unknown = stuck_power(series, window.spans, window.started, source.resolution if source else None)
    return MeterReading(
        name,
        watts=over.mean,
        unknown=unknown,
        readings=over.readings,
        longest_gap=over.longest_gap,
        uncovered=uncovered,
        idle=idle_mean(series, window),
        sustained=later.mean if later.readings >= LEAST_READINGS else None,  # they come once a second there
        source=source,
    )


def _sustained(curve: EnergyCurve, window: Window) -> float | None:
    """Watts over the segments after the window; None where the counter fell among them."""
    later = window.later_spans
    if any(later[0][0] <= t <= later[-1][1] for t in curve.backwards if later):
        return None
    return _watts(curve, curve.covered(later))


def idle_mean(series: Series, window: Window) -> float | None:
    """The time-weighted mean of the readings before training began; None where none was taken or nobody knows when."""
    if window.started is None or not series.times or series.times[0] >= window.started:
        return None
    return held(series, [(series.times[0], window.started)]).mean


def _watts(curve: EnergyCurve, spans: tuple[Span, ...]) -> float | None:
    seconds = duration(spans)
    return curve.counted(spans) / seconds if seconds > 0 else None


def _cross_checked(reading: MeterReading, meter: Meter, window: Window) -> MeterReading:
    """The counter's watts against polled power of the same scope, where that is good enough to be a figure itself."""
    counter, polled = meter.energy_source, meter.power_source
    if meter.energy is None or meter.power is None or (counter and polled and counter.scope != polled.scope):
        return reading
    other = _by_polling(meter.name, meter.power, polled, window)
    if other.unknown is not None or other.watts is None or reading.watts is None:
        return reading
    return replace(reading, polled=other.watts, suspect=_apart(reading.watts, other.watts, APART))


def _coarsely_checked(reading: MeterReading, meter: Meter, window: Window) -> MeterReading:
    """Polled power against a counter that ticks too seldom to be the figure: it is known to two of its ticks."""
    counter, polled = meter.energy_source, meter.power_source
    if meter.energy is None or reading.watts is None or (counter and polled and counter.scope != polled.scope):
        return reading
    curve = energy_curve(meter.energy, counter.wrap if counter else None)
    ticks, covered = curve.ticks(window.spans), curve.covered(window.spans)
    if ticks < LEAST_COARSE_TICKS or curve.backwards or duration(covered) < (1 - UNCOVERED) * duration(window.spans):
        return reading
    counted = curve.counted(covered) / duration(covered)
    return replace(reading, suspect=_apart(counted, reading.watts, APART + 2 / ticks))


def _apart(counted: float, polled: float, allowed: float) -> str | None:
    """Why two powers (W) are not both credible; None where they differ by at most the share `allowed`."""
    apart = abs(polled - counted) / counted
    if apart <= allowed:
        return None
    return f"energy counter {shown(counted)} W and polled power {shown(polled)} W are {percent(apart)} apart"
