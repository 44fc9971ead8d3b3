"""The speed that a foreign program prints of itself, against what was timed (docs/method.md, section 1)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from pytest_sixdim.core.averages import trimmed_mean
from pytest_sixdim.core.baseline import SpeedKind
from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.segments import TimedSegment
from pytest_sixdim.core.window import Window

#: A program's own figure further than this from the timed one of its kind is flagged.
SELF_REPORTED = 0.05
#: One that is so many times the timed speed, or that the timed speed is so many times of, is not credible: somebody
#: counts other samples, another batch, or other cards.
CONTRADICTED = 2.0


@dataclass(frozen=True)
class OwnFigures:
    """`speed`: samples/s by the program's word, of `kind`; None where it says none."""

    speed: float | None = None
    kind: SpeedKind | None = None
    suspect: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def is_timed(window: Window) -> bool:
    """Whether the samples and the seconds of every counted segment are known."""
    return window.samples is not None and window.seconds is not None


def rated_kind(window: Window) -> SpeedKind | None:
    """The kind of speed that the program prints for every counted segment; None where it does not."""
    kinds = {None if segment.rated is None else segment.rated_as for segment in window.segments}
    return cast("SpeedKind | None", kinds.pop()) if len(kinds) == 1 else None


def own_figures(window: Window) -> OwnFigures:
    """What the program says of its speed in a complete window, and what is to be held of it."""
    found = _figures(window)
    if is_timed(window) and window.recorded and window.without_time is not None:
        return replace(found, flags=("self-reported seconds, not cross-checked", *found.flags))
    return found


def _figures(window: Window) -> OwnFigures:
    kind = rated_kind(window)
    if kind is None:
        if not window.program_speeds or not is_timed(window):
            return OwnFigures()
        return _checked(statistics.fmean(window.program_speeds), "train", window, window.segments)
    rated = trimmed_mean([segment.rated for segment in window.segments if segment.rated is not None])
    both = [segment for segment in window.segments if segment.speed is not None]
    if not both:
        return OwnFigures(rated, kind, flags=("self-reported, not cross-checked",))
    found = _checked(rated, kind, window, both)
    if is_timed(window):
        return found
    return OwnFigures(rated, kind, found.suspect, ("self-reported", *found.flags))


def _checked(own: float, kind: SpeedKind, window: Window, both: Sequence[TimedSegment]) -> OwnFigures:
    """The figure beside what was timed over the segments that have both.

    The whole time is known only of a whole window, the loader's only where it is reported. What then is not known of
    its own kind is compared with the train speed as far as that goes: no compute speed lies below it, no whole one
    above.
    """
    train = trimmed_mean([segment.speed for segment in both if segment.speed is not None])
    same = {"train": train, "compute": compute_speed(both), "whole": whole_speed(window)}[kind]
    said = f"the program itself reports {shown(own)} samples/s" + ("" if kind == "train" else f" ({kind})")
    timed = train if same is None else same
    for figure, contradicted in ((train, own > CONTRADICTED * train), (timed, timed > CONTRADICTED * own)):
        if contradicted:
            return OwnFigures(own, kind, suspect=(f"{said} where {shown(figure)} were timed",))
    above, below = own > (1 + SELF_REPORTED) * timed, own < (1 - SELF_REPORTED) * timed
    odd = (above and (same is not None or kind == "whole")) or (below and (same is not None or kind == "compute"))
    return OwnFigures(own, kind, flags=(f"{said}, {shown(timed)} were timed",) if odd else ())


def compute_speed(segments: Sequence[TimedSegment]) -> float | None:
    """Samples/s without waiting for the loader; None where one segment does not say how long it waited."""
    speeds = [segment.compute_speed for segment in segments]
    known = [speed for speed in speeds if speed is not None]
    return trimmed_mean(known) if len(known) == len(speeds) else None


def whole_speed(window: Window) -> float | None:
    """Samples/s from the end of warm-up on, with all that lies between; None where nobody knows."""
    samples, seconds = window.samples, window.whole_seconds
    return samples / seconds if samples and seconds and seconds > 0 else None
