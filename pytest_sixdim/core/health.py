"""What went wrong with a run, and what of it a dimension survives (docs/method.md, "Verdicts")."""

from __future__ import annotations

from pytest_sixdim.core.losses import divergence
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.window import Window

_ENDS = {
    "diverged": "diverged",
    "crashed": "crashed",
    "no_end": "exited without reporting its end",
    "timeout": "hung: it ran past its time limit",
    "stalled": "hung: no line came for too long",
    "out_of_memory": "ran out of memory",
    "launch_error": "could not be launched",
    "card_lost": "lost a card",
    "agent_lost": "lost its agent",
}


def failure(run: RunRecord) -> str | None:
    """Why the run fails what needs it; None for one that came to its end and for one that was cancelled.

    A run whose events show a divergence has diverged, whatever its program said at the end.
    """
    if run.result.finished:
        diverged = divergence(run.events)
        return f"{run.name} diverged: {diverged}" if diverged else None
    if run.result.status == "cancelled":
        return None
    end = _ENDS.get(run.result.status, run.result.status)
    return ": ".join(part for part in (f"{run.name} {end}", run.result.message) if part)


def cancelled(run: RunRecord) -> str | None:
    """That the run was cancelled, which makes what needs it unknown; None for every other end."""
    return f"{run.name} was cancelled" if run.result.status == "cancelled" else None


def without_window(window: Window, unit: str, failed: str | None) -> Measured | None:
    """The measurement of a window dimension whose window is not complete; None for a complete one.

    A complete window stands whatever became of the run later. An incomplete one fails where its run did (`failed`),
    else the dimension is unknown.
    """
    if window.complete:
        return None
    reached = f"{len(window.segments)} of {window.wanted} segments were completed"
    if failed is not None:
        return Measured(unit, failed=failed, detail={"segments_completed": len(window.segments)})
    return Measured(unit, unknown=reached, detail={"segments_completed": len(window.segments)})


def aftermath(failed: str | None) -> tuple[str, ...]:
    """The flag on a window that stands though its run failed afterwards."""
    return () if failed is None else (f"after the window: {failed}",)
