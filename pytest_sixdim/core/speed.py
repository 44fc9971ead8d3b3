"""Speed: samples/s of the whole job (docs/method.md, section 1)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_sixdim.core.baseline import SpeedKind
from pytest_sixdim.core.dimensions import UNITS
from pytest_sixdim.core.health import aftermath, without_window
from pytest_sixdim.core.quantities import percent, shown
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.segments import TimedSegment
from pytest_sixdim.core.thermal import Thermal
from pytest_sixdim.core.window import Window

#: A coefficient of variation above this is flagged.
VARIATION = 0.01
#: Sustained figures further than this below those of the window are flagged.
SUSTAINED = 0.02
#: A program's own figure further than this from the measured one is flagged.
SELF_REPORTED = 0.05
_UNIT = UNITS["speed"]


def trimmed_mean(values: Sequence[float]) -> float:
    """The mean without the highest and the lowest value, unrounded; of fewer than three, the plain mean.

    DeepSpark six_dimension_howto, ResNet-50, epochs 6 to 10: 4938.9237984.
    """
    kept = sorted(values)[1:-1] if len(values) >= 3 else values
    return math.fsum(kept) / len(kept)


def coefficient_of_variation(values: Sequence[float]) -> float | None:
    """Sample standard deviation over mean; None for fewer than two values."""
    return statistics.stdev(values) / statistics.fmean(values) if len(values) > 1 else None


def measure_speed(
    window: Window,
    *,
    cards: int,
    failed: str | None = None,
    flops_per_sample: float | None = None,
    peak: float | None = None,
    self_reported: bool = False,
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
        self_reported: the seconds are a foreign program's own rating, not stamps.
        other_runs: speeds of the campaign's other runs, samples/s by name; shown beside.
        thermal: what thermal.read_thermal found.

    The value is `train` speed: the loader in, evaluations out. `detail["kinds"]` has all three kinds.
    """
    missing = without_window(window, _UNIT, failed)
    if missing is not None:
        return missing
    if any(segment.seconds <= 0 or segment.samples <= 0 for segment in window.segments):
        return Measured(
            _UNIT, unknown=window.suspect[0] if window.suspect else "a segment reports no time or no samples"
        )
    speeds = [segment.speed for segment in window.segments]
    kinds = speed_kinds(window)
    value = trimmed_mean(speeds)
    sustained = sustained_speed(window.later)
    mfu = value * flops_per_sample / (peak * cards) if flops_per_sample and peak else None
    program = statistics.fmean(window.program_speeds) if window.program_speeds else None
    detail: dict[str, Any] = {
        "kinds": kinds,
        "segments": speeds,
        "variation": coefficient_of_variation(speeds),
        "loader_share": _loader_share(window),
        "sustained": sustained,
        "sustained_segments": len(window.later),
        "window_seconds": window.seconds,
        "window_samples": window.samples,
        "steps": sum(segment.steps for segment in window.segments),
        "mfu": mfu,
        "program_speed": program,
        "self_reported": self_reported,
        "other_runs": dict(other_runs or {}),
    }
    suspect = [*window.suspect, *_impossible_waits(window), *(thermal.suspect if thermal else ())]
    if mfu is not None and mfu > 1:
        suspect.append(f"the speed would need {percent(mfu)} of the card's peak")
    flags = [*window.flags, *aftermath(failed), *(thermal.flags if thermal else ())]
    return Measured(_UNIT, value, suspect=tuple(suspect), flags=(*flags, *_flags(value, detail)), detail=detail)


def speed_kinds(window: Window) -> dict[SpeedKind, float | None]:
    """The three speeds of a complete window, samples/s: `compute` without waiting for the loader, `train` with it,
    `whole` with evaluations and all gaps since warm-up; None where the program did not report what it takes."""
    return {
        "compute": _compute(window),
        "train": trimmed_mean([segment.speed for segment in window.segments]),
        "whole": window.samples / window.whole_seconds if window.whole_seconds > 0 else None,
    }


def speed_of_kind(measured: Measured, kind: SpeedKind) -> float | None:
    """The measured speed of that kind, samples/s; None where it could not be measured."""
    kinds: Mapping[str, float | None] = measured.detail.get("kinds", {})
    return kinds.get(kind, measured.value if kind == "train" else None)


def sustained_speed(later: Sequence[TimedSegment]) -> float | None:
    """Samples/s over the segments after the window; None where there are none."""
    seconds = math.fsum(segment.seconds for segment in later)
    return sum(segment.samples for segment in later) / seconds if seconds > 0 else None


def _compute(window: Window) -> float | None:
    speeds = [segment.compute_speed for segment in window.segments]
    known = [speed for speed in speeds if speed is not None]
    return trimmed_mean(known) if len(known) == len(speeds) else None


def _loader_share(window: Window) -> float | None:
    waits = [segment.loader_seconds for segment in window.segments]
    known = [wait for wait in waits if wait is not None]
    return math.fsum(known) / window.seconds if len(known) == len(waits) else None


def _impossible_waits(window: Window) -> list[str]:
    return [
        f"segment {segment.index} waited {shown(segment.loader_seconds)} s for its loader in {shown(segment.seconds)} s"
        for segment in window.segments
        if segment.loader_seconds is not None and not 0 <= segment.loader_seconds < segment.seconds
    ]


def _flags(value: float, detail: Mapping[str, Any]) -> list[str]:
    flags = []
    if detail["variation"] is not None and detail["variation"] > VARIATION:
        flags.append(f"the segments' speeds vary by {percent(detail['variation'])} (coefficient of variation)")
    if detail["sustained"] is not None and detail["sustained"] < (1 - SUSTAINED) * value:
        flags.append(
            f"sustained speed {shown(detail['sustained'])} is {percent(1 - detail['sustained'] / value)} lower"
        )
    program = detail["program_speed"]
    if program is not None and abs(program - value) > SELF_REPORTED * value:
        flags.append(f"the program itself reports {shown(program)} samples/s")
    if detail["self_reported"]:
        flags.append("self-reported")
    return flags
