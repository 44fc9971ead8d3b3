"""The figures of a scorecard: segments, loss, metric, power, memory, stability."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_sixdim.core.averages import trimmed_mean
from pytest_sixdim.core.quantities import percent
from pytest_sixdim.core.results import DimensionResult, nature
from pytest_sixdim.core.scorecard import Scorecard
from pytest_sixdim.core.speed import VARIATION
from pytest_sixdim.report.course import number
from pytest_sixdim.report.dot_chart import Dot, DotChart
from pytest_sixdim.report.evidence import RunEvidence, window_run
from pytest_sixdim.report.figure import Figure
from pytest_sixdim.report.line_chart import LineChart
from pytest_sixdim.report.sensors import Readings, read_sensors

#: Failed runs whose sensors are drawn beside those of the window's run.
_FAILED = 2


def figures(card: Scorecard, runs: Sequence[RunEvidence], ident: str) -> list[Figure]:
    """In the order in which they are shown. `ident`: unique in the page."""
    drawn = [_segments(card.dimensions.get("speed"), f"{ident}-segments")]
    drawn += [_loss(runs, f"{ident}-loss"), _metric(card, runs, f"{ident}-metric")]
    main = window_run(list(runs))
    shown = [run for run in runs if run is main] + [run for run in runs if run.failed and run is not main][:_FAILED]
    for run in shown:
        drawn += _sensors(run, f"{ident}-{len(drawn)}")
    stability = card.dimensions.get("stability")
    return [*drawn, _stability(card, stability, f"{ident}-stability")] if stability else drawn


def _segments(speed: DimensionResult | None, ident: str) -> Figure:
    what = nature(speed.detail) if speed else ""
    title = "Speed of the segments, samples/s" + (f" ({what})" if what else "")
    given = speed.detail.get("segments") if speed else None
    speeds = [value for value in map(number, given) if value is not None] if isinstance(given, (list, tuple)) else []
    if speed is None or not speeds:
        return Figure(title, note=f"No segments to show: {speed.reason if speed else 'speed was not asked for'}.")
    order = sorted(range(len(speeds)), key=speeds.__getitem__)
    dropped = {order[0]: "lowest", order[-1]: "highest"} if len(speeds) > 2 else {}
    dots = [Dot(f"{i + 1}", value, i not in dropped, dropped.get(i, "")) for i, value in enumerate(speeds)]
    middle = trimmed_mean(speeds)
    variation = number(speed.detail.get("variation"))
    note = "Coefficient of variation " + ("–: fewer than two segments" if variation is None else percent(variation))
    note += f", above {percent(VARIATION)}" if variation is not None and variation > VARIATION else ""
    band = ((1 - VARIATION) * middle, (1 + VARIATION) * middle, f"within {percent(VARIATION)} of it")
    kept = f"kept ({len(speeds) - len(dropped)} of {len(speeds)})"
    return DotChart(title, dots, (middle, "their mean: the speed"), band, (kept, "dropped"), f"{note}.").figure(ident)


def _loss(runs: Sequence[RunEvidence], ident: str) -> Figure:
    """By step where all runs tell their steps, else by time: losses may be reported long after their steps."""
    main = window_run(list(runs))
    with_loss = {run.name: run.course for run in runs if run.course.loss or run.course.loss_by_step}
    steps = bool(with_loss) and all(course.loss_by_step for course in with_loss.values())
    lost = {name: course.lost_step if steps else course.lost for name, course in with_loss.items()}
    chart = LineChart(
        "Training loss by step" if steps else "Training loss",
        {name: course.loss_by_step if steps else course.loss for name, course in with_loss.items()},
        steps=steps,
        window=() if main is None else main.course.window_steps if steps else main.course.window,
        lost={name: x for name, x in lost.items() if x is not None},
        note=None if with_loss else "No run reported a finite loss.",
    )
    return chart.figure(ident)


def _metric(card: Scorecard, runs: Sequence[RunEvidence], ident: str) -> Figure:
    name, unit, target = card.metric.get("name"), card.metric.get("unit"), number(card.metric.get("target"))
    lines = {run.name: run.course.evaluations for run in runs if run.course.evaluations}
    chart = LineChart(
        f"{name} at each evaluation" + (f", {unit}" if unit else ""),
        lines,
        target=None if target is None else (target, "target"),
        dots=True,
        note=None if lines else _no_evaluations(runs, name),
    )
    return chart.figure(ident)


def _no_evaluations(runs: Sequence[RunEvidence], name: object) -> str:
    if any(run.course.timeless for run in runs):
        return "The log has no time stamps: nobody knows when it evaluated."
    return f"No run reported an evaluation of {name}."


def _sensors(run: RunEvidence, ident: str) -> list[Figure]:
    """Power and memory of one run's cards."""
    if run.directory is None:
        return []
    sensors = read_sensors(run.directory, run.course.head)
    errors = f" Sampler errors: {'; '.join(sensors.errors)}." if sensors.errors else ""
    return [
        _channel(f"Power of the cards in {run.name}, W", run, sensors.power, errors, f"{ident}-power"),
        _channel(f"Memory of the cards in {run.name}, GiB", run, sensors.memory, errors, f"{ident}-memory"),
    ]


def _channel(title: str, run: RunEvidence, readings: Readings, errors: str, ident: str) -> Figure:
    note = (
        f"Read: {readings.source or 'source not recorded'}." if readings.missing is None else f"–: {readings.missing}."
    )
    chart = LineChart(title, readings.cards, zero=True, window=run.course.window, noun="cards", note=note + errors)
    return chart.figure(ident)


def _stability(card: Scorecard, stability: DimensionResult, ident: str) -> Figure:
    unit = card.metric.get("unit")
    title = "Value at convergence of each full run" + (f", {unit}" if unit else "")
    detail = stability.detail
    base, band, runs = number(detail.get("base")), detail.get("band"), detail.get("runs")
    records = [run for run in runs if isinstance(run, dict)] if isinstance(runs, (list, tuple)) else []
    dots = [
        Dot(str(run.get("run")), value, run.get("outcome") == "inside", "" if run.get("outcome") == "inside" else "off")
        for run in records
        if (value := number(run.get("value"))) is not None
    ]
    others = [f"{run.get('run')} {run.get('outcome')}" for run in records if number(run.get("value")) is None]
    without = f"Without a value: {', '.join(others)}." if others else None
    amount = number(band.get("amount")) if isinstance(band, dict) else None
    if base is None or amount is None or not isinstance(band, dict) or not dots:
        return Figure(title, note=f"No values to show: {stability.reason}.")
    half = amount * abs(base) if band.get("relative") else amount
    said = percent(amount) if band.get("relative") else f"{amount:g} {band.get('unit') or ''}".rstrip()
    edges = (base - half, base + half, f"band: less than {said} away")
    return DotChart(title, dots, (base, "their median"), edges, ("inside", "off"), without).figure(ident)
