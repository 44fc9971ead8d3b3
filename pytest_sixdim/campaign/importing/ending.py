"""How an imported run ended, from what its log says alone."""

from __future__ import annotations

from pytest_sixdim.campaign.importing.reading import ReadLog
from pytest_sixdim.core.records import FINISHED, RunResult


def ending(read: ReadLog, *, reports_end: bool) -> RunResult:
    """The result of a run whose log was read; `reports_end`: its format has an end.

    No process was watched: where the format has no end, a log that stops is one that was completed.
    """
    status, message = _ending(read, reports_end)
    return RunResult(
        status=status,
        ended_by="program",
        message=message,
        log_tail=tuple(read.tail),
        seconds=None if read.first is None or read.last is None else read.last - read.first,
        fault=None if status in FINISHED else "program",
        events=read.left_out,
    )


def _ending(read: ReadLog, reports_end: bool) -> tuple[str, str]:
    course = read.course
    if course.diverged is not None:
        return "diverged", course.diverged
    if course.end is None and reports_end:
        return "no_end", "the log stops without saying that the run ended: it was cut, or the run was killed"
    if course.end is not None and course.end.status == "failed":
        return "crashed", "the log says that the run failed or was aborted"
    if course.last_metric_lost:
        return "diverged", "the last evaluation was not finite"
    if course.end is None:
        return "completed", "the log's format says nothing of an end"
    status = "target_missed" if course.end.status == "target_missed" else "completed"
    return status, f"the log says {course.end.status!r}"
