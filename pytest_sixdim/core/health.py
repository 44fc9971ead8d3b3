"""What went wrong with a run, and what of it a dimension survives (docs/method.md, "Verdicts")."""

from __future__ import annotations

from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.losses import divergence
from pytest_sixdim.core.quantities import shown
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
    diverged = divergence(run.events) if run.result.finished else None
    if run.result.status == "cancelled" or (run.result.finished and diverged is None):
        return None
    return f"{run.name} {_ended(run, diverged, _after(run))}"


def costs(run: RunRecord) -> str | None:
    """Why a run fails stability though a later attempt of it may have converged: a card or a collective failed it."""
    lost = [_of_attempt(earlier) for earlier in run.earlier if earlier.result.fault == "device"]
    return f"{run.name} {', '.join(lost)}; retried for the figures" if lost else None


def repeated(run: RunRecord) -> tuple[str, ...]:
    """The flag on what is measured in a later attempt of a run."""
    if not run.earlier:
        return ()
    before = "; ".join(_of_attempt(earlier) for earlier in run.earlier)
    return (f"{run.name} is attempt {run.attempt}: {before}",)


def _of_attempt(run: RunRecord) -> str:
    return f"attempt {run.attempt} {_ended(run)}"


def _ended(run: RunRecord, diverged: str | None = None, after: str = "") -> str:
    """As in "could not be launched after 3 attempts: port 29500 is taken"."""
    end = "diverged" if diverged else _ENDS.get(run.result.status, run.result.status)
    return ": ".join(part for part in (end + after, diverged or run.result.message) if part)


def _after(run: RunRecord) -> str:
    """That nothing was left to try, or in which attempt the program failed."""
    if not run.earlier:
        return ""
    return f" in attempt {run.attempt}" if run.result.fault in (None, "program") else f" after {run.attempt} attempts"


def cancelled(run: RunRecord) -> str | None:
    """That the run was cancelled, which makes what needs it unknown; None for every other end."""
    return f"{run.name} was cancelled" if run.result.status == "cancelled" else None


def slept(dimension: Dimension, run: RunRecord) -> list[str]:
    """Why nothing that was timed is credible: the host was suspended, and its clock stood still."""
    if dimension in ("accuracy", "stability") or not run.result.slept_seconds:
        return []
    return [f"the host was suspended for {shown(run.result.slept_seconds)} s during {run.name}"]


def without_window(window: Window, unit: str, failed: str | None) -> Measured | None:
    """The measurement of a window dimension whose window is not complete; None for a complete one.

    A complete window stands whatever became of the run later. An incomplete one fails where its run did (`failed`),
    else the dimension is unknown.
    """
    if window.complete:
        return None
    if failed is not None:
        return Measured(unit, failed=failed, detail={"segments_completed": len(window.segments)})
    return Measured(unit, unknown=window.reached, detail={"segments_completed": len(window.segments)})


def aftermath(failed: str | None) -> tuple[str, ...]:
    """The flag on a window that stands though its run failed afterwards."""
    return () if failed is None else (f"after the window: {failed}",)
