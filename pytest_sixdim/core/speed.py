"""Speed: samples/s of the whole job (docs/method.md, section 1)."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, get_args

from pytest_sixdim.core.averages import coefficient_of_variation, trimmed_mean
from pytest_sixdim.core.baseline import SpeedKind
from pytest_sixdim.core.dimensions import UNITS
from pytest_sixdim.core.health import aftermath, without_window
from pytest_sixdim.core.own_figures import compute_speed, is_timed, own_figures, rated_kind, whole_speed
from pytest_sixdim.core.quantities import percent, shown
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.segments import TimedSegment
from pytest_sixdim.core.thermal import Thermal
from pytest_sixdim.core.window import Window

#: A coefficient of variation above this is flagged.
VARIATION = 0.01
#: Sustained figures further than this below those of the window are flagged.
SUSTAINED = 0.02
_UNIT = UNITS["speed"]


def measure_speed(
    window: Window,
    *,
    cards: int,
    failed: str | None = None,
    flops_per_sample: float | None = None,
    peak: float | None = None,
    other_runs: Mapping[str, float] | None = None,
    thermal: Thermal | None = None,
) -> Measured:
    """Speed of a run's window.

    Args:
        window: of the run.
        cards: of the whole job.
        failed: what health.failure says of the run.
        flops_per_sample: forward and backward.
        peak: the card's dense peak at the precision that is trained in, FLOP/s.
        other_runs: speeds of the campaign's other runs, samples/s by name; shown beside.
        thermal: what thermal.read_thermal found.

    The value is `train` speed: the loader in, evaluations out. Where samples or seconds are missing it is the program's
    own figure, of whatever kind: `detail["kind"]` says which. `detail["kinds"]` has the speeds of all kinds.
    """
    missing = without_window(window, _UNIT, failed)
    if missing is not None:
        return missing
    if any(amount is not None and amount <= 0 for s in window.segments for amount in (s.seconds, s.samples)):
        return Measured(
            _UNIT, unknown=window.suspect[0] if window.suspect else "a segment reports no time or no samples"
        )
    kind, speeds = _segment_speeds(window)
    if kind is None:
        return Measured(_UNIT, unknown=_nothing(window), flags=aftermath(failed))
    value = trimmed_mean(speeds)
    mfu = value * flops_per_sample / (peak * cards) if flops_per_sample and peak else None
    own = own_figures(window)
    detail: dict[str, Any] = {
        "kind": kind,
        "kinds": speed_kinds(window),
        "segments": speeds,
        "variation": coefficient_of_variation(speeds),
        "loader_share": _loader_share(window),
        "sustained": sustained_speed(window.later) if kind == "train" else None,
        "sustained_segments": len(window.later),
        "window_seconds": window.seconds,
        "window_samples": window.samples,
        "steps": window.steps,
        "mfu": mfu,
        "program_speed": own.speed,
        "program_speeds": {} if own.kind is None else {own.kind: own.speed},
        "self_reported": not is_timed(window),
        "self_reported_kinds": _own_kinds(window),
        "other_runs": dict(other_runs or {}),
    }
    suspect = [*window.suspect, *own.suspect, *_impossible_waits(window), *(thermal.suspect if thermal else ())]
    if mfu is not None and mfu > 1:
        suspect.append(f"the speed would need {percent(mfu)} of the card's peak")
    flags = [*window.flags, *aftermath(failed), *(thermal.flags if thermal else ()), *_flags(value, detail)]
    return Measured(_UNIT, value, suspect=tuple(suspect), flags=(*flags, *own.flags), detail=detail)


def _segment_speeds(window: Window) -> tuple[SpeedKind | None, list[float]]:
    """The kind of the value and a speed a segment: our own timing, else what the program says; None without either."""
    if is_timed(window):
        return "train", [segment.speed for segment in window.segments if segment.speed is not None]
    kind = rated_kind(window)
    return kind, [segment.rated for segment in window.segments if segment.rated is not None]


def _nothing(window: Window) -> str:
    """Why there is no speed."""
    missing = []
    if any(segment.seconds is None for segment in window.segments):
        missing.append("no time stamps" if window.recorded else "evaluations of unknown length")
    if any(segment.samples is None for segment in window.segments):
        missing.append("no count of samples")
    return f"the log has {', '.join(missing)}, and no speed of the program's own for every segment"


def _timed_kinds(window: Window) -> dict[SpeedKind, float | None]:
    """The speeds that were timed, samples/s."""
    if not is_timed(window):
        return dict.fromkeys(get_args(SpeedKind))
    return {
        "compute": compute_speed(window.segments),
        "train": trimmed_mean([segment.speed for segment in window.segments if segment.speed is not None]),
        "whole": whole_speed(window),
    }


def _own_kinds(window: Window) -> list[str]:
    """The kinds whose speed is the program's own word."""
    timed = _timed_kinds(window)
    return [kind for kind, speed in speed_kinds(window).items() if speed is not None and timed[kind] is None]


def speed_kinds(window: Window) -> dict[SpeedKind, float | None]:
    """The speeds of a complete window, samples/s: `compute` without waiting for the loader, `train` with it, `whole`
    with evaluations and all gaps since warm-up; None where nobody knows.

    What was timed comes first; what the program says of itself stands where nothing was.
    """
    kinds, kind = _timed_kinds(window), rated_kind(window)
    if kind is not None and kinds[kind] is None:
        kinds[kind] = trimmed_mean([segment.rated for segment in window.segments if segment.rated is not None])
    return kinds


def speed_of_kind(measured: Measured, kind: SpeedKind) -> float | None:
    """The measured speed of that kind, samples/s; None where it could not be measured."""
    kinds: Mapping[str, float | None] = measured.detail.get("kinds", {})
    return kinds.get(kind, measured.value if kind == measured.detail.get("kind", "train") else None)


def is_self_reported(measured: Measured, kind: SpeedKind) -> bool:
    """Whether the measured speed of that kind is the program's own word."""
    own: Collection[str] = measured.detail.get("self_reported_kinds", ())
    return bool(measured.detail.get("self_reported")) or kind in own


def sustained_speed(later: Sequence[TimedSegment]) -> float | None:
    """Samples/s over the segments after the window, as far as they say both; None where none does."""
    timed = [(s.samples, s.seconds) for s in later if s.samples is not None and s.seconds is not None]
    seconds = math.fsum(seconds for _, seconds in timed)
    return sum(samples for samples, _ in timed) / seconds if seconds > 0 else None


def _loader_share(window: Window) -> float | None:
    waits = [segment.loader_seconds for segment in window.segments]
    known = [wait for wait in waits if wait is not None]
    return math.fsum(known) / window.seconds if len(known) == len(waits) and window.seconds else None


def _impossible_waits(window: Window) -> list[str]:
    return [
        f"segment {segment.index} waited {shown(segment.loader_seconds)} s for its loader in {shown(segment.seconds)} s"
        for segment in window.segments
        if segment.loader_seconds is not None
        and segment.seconds is not None
        and not 0 <= segment.loader_seconds < segment.seconds
    ]


def _flags(value: float, detail: Mapping[str, Any]) -> list[str]:
    flags = []
    if detail["variation"] is not None and detail["variation"] > VARIATION:
        flags.append(f"the segments' speeds vary by {percent(detail['variation'])} (coefficient of variation)")
    if detail["sustained"] is not None and detail["sustained"] < (1 - SUSTAINED) * value:
        flags.append(
            f"sustained speed {shown(detail['sustained'])} is {percent(1 - detail['sustained'] / value)} lower"
        )
    return flags
