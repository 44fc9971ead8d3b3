"""The runs behind a scorecard, read back for the page as far as they are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.files import read_json
from pytest_sixdim.core.case import Configuration, Measure
from pytest_sixdim.core.records import FINISHED
from pytest_sixdim.core.scorecard import Scorecard
from pytest_sixdim.report.course import Course, read_course
from pytest_sixdim.report.escaping import folder_link

#: A longer line of a log is cut.
LONGEST_LINE = 400


@dataclass(frozen=True)
class RunEvidence:
    """One run of a scorecard.

    Attributes:
        name: of the launch: role-index, from the second attempt on with its number.
        summary: as the scorecard lists the run.
        directory: where its files are; `link`: the same as an address relative to the page. None where that lies
            outside of the session.
        course: how it went.
        log_tail: the last lines of its log.
        problems: what is missing or broken.
    """

    name: str
    summary: Mapping[str, Any]
    directory: Path | None
    link: str | None
    course: Course
    log_tail: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it did not come to its end."""
        return self.summary.get("status") not in FINISHED


def read_evidence(session: Path, card: Scorecard) -> list[RunEvidence]:
    """Every run of a scorecard, in its order. Nothing is raised for a file that is missing or broken."""
    return [_read_run(session, card, summary) for summary in card.runs]


def window_run(runs: list[RunEvidence]) -> RunEvidence | None:
    """The run that speed, power and memory are read from: the first full one, else the first window, as it was
    launched last."""
    last = {str(run.summary.get("run") or run.name): run for run in runs}
    return last.get("full-1") or last.get("window-1")


def _read_run(session: Path, card: Scorecard, summary: Mapping[str, Any]) -> RunEvidence:
    name, path = str(summary.get("name")), str(summary.get("directory") or "")
    link = folder_link(path)
    if link is None:
        return RunEvidence(name, summary, None, None, Course({}), problems=(f"no folder in this session: {path!r}",))
    problems: list[str] = []
    directory = session / path
    order, result = (_record(directory / file, problems) for file in ("order.json", "result.json"))
    segments = order.get("segments")
    events = directory / "node-0" / "events.jsonl"
    if not events.is_file():
        problems.append("events.jsonl is missing: no curves")
    metric = str(card.metric.get("name"))
    wanted = segments if isinstance(segments, int) else Measure().segments
    tail = result.get("log_tail")
    return RunEvidence(
        name=name,
        summary=summary,
        directory=directory,
        link=link,
        course=read_course(events, metric, Configuration(**card.key), wanted),
        log_tail=tuple(str(line)[:LONGEST_LINE] for line in tail) if isinstance(tail, list) else (),
        problems=tuple(problems),
    )


def _record(path: Path, problems: list[str]) -> Mapping[str, Any]:
    """A JSON object; an empty one, and a problem more, where it is missing or broken."""
    try:
        record = read_json(path)
    except FileNotFoundError:
        problems.append(f"{path.name} is missing")
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{path.name} is broken: {error}")
    else:
        if isinstance(record, dict):
            return record
        problems.append(f"{path.name} is broken: no JSON object")
    return {}
