"""The losses that a run reports, and when it counts as diverged (docs/method.md, section 2)."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_sixdim.core.events import Evaluation, Event, Progress, Segment

#: So many losses in a row that are not finite mean a diverged run; one is normal under fp16 loss scaling.
NOT_FINITE_LOSSES = 3
#: So many evaluations in a row.
NOT_FINITE_EVALUATIONS = 2


def reported_losses(events: Sequence[Event]) -> tuple[float | None, ...]:
    """The losses in the order of their reports, None where one was not finite; skipped steps are left out.

    Progress lines where they carry losses, else segments: a segment repeats what progress lines said. Of several
    ranks that report, the lowest counts.
    """
    for kind in (Progress, Segment):
        reports = [
            event
            for event in events
            if isinstance(event, kind)
            and (event.loss is not None or event.diverged)
            and not (isinstance(event, Progress) and event.skipped)
        ]
        if reports:
            rank = min(report.rank for report in reports)
            return tuple(report.loss for report in reports if report.rank == rank)
    return ()


def divergence(events: Sequence[Event], *, ended: bool = True) -> str | None:
    """Why the run counts as diverged, or None.

    `ended`: no further event will come, so that a last evaluation that is not finite counts.
    """
    if _in_a_row(reported_losses(events)) >= NOT_FINITE_LOSSES:
        return f"the loss was not finite in {NOT_FINITE_LOSSES} consecutive reports"
    evaluations = [event for event in events if isinstance(event, Evaluation)]
    for rank, metric in sorted({(event.rank, event.metric or "") for event in evaluations}):
        values = [event.value for event in evaluations if (event.rank, event.metric or "") == (rank, metric)]
        name = metric or "the metric"
        if _in_a_row(values) >= NOT_FINITE_EVALUATIONS:
            return f"{name} was not finite in {NOT_FINITE_EVALUATIONS} consecutive evaluations"
        if ended and values[-1] is None:
            return f"{name} was not finite in the last evaluation"
    return None


def _in_a_row(values: Sequence[float | None]) -> int:
    """The longest row of values that are not finite."""
    longest = row = 0
    for value in values:
        row = row + 1 if value is None else 0
        longest = max(longest, row)
    return longest
