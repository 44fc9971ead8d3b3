"""What should be known of the launches behind a scorecard: failures before, where they come from, who ran beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_sixdim.report.course import number
from pytest_sixdim.report.values import NONE

#: Of the table of launches in report.md.
HEADERS = ("configuration", "launch", "status", "whose fault", "seconds", "how it ended", "folder")


def notes(run: Mapping[str, Any]) -> list[str]:
    """What else should be known of one launch, as a scorecard lists it; one short phrase each."""
    found = [f"attempt {run['attempt']}"] if (number(run.get("attempt")) or 1) > 1 else []
    if run.get("fault") in ("host", "device"):
        found.append(f"the {run['fault']}'s fault")
    if run.get("reused"):
        found.append(f"from session {run['reused']}")
    if run.get("imported"):
        found.append(f"imported from {run['imported']}")
    beside = run.get("neighbours")
    if isinstance(beside, Sequence) and not isinstance(beside, str) and beside:
        found.append(f"beside {', '.join(str(other) for other in beside)}")
    return found


def launches(cards: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """A row for every launch of the runs that were launched more than once."""
    return [
        [f"{card['case']} {card['configuration']}", *_row(run)]
        for card in cards
        for run in card["runs"]
        if run.get("run") in _repeated(card["runs"])
    ]


def origins(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which of a scorecard's runs come from which earlier session."""
    by_session: dict[str, list[str]] = {}
    for run in runs:
        if run.get("reused"):
            by_session.setdefault(str(run["reused"]), []).append(str(run.get("name")))
    return [f"{', '.join(names)} from session {session}" for session, names in by_session.items()]


def _repeated(runs: Sequence[Mapping[str, Any]]) -> set[Any]:
    return {run.get("run") for run in runs if (number(run.get("attempt")) or 1) > 1}


def _row(run: Mapping[str, Any]) -> list[str]:
    seconds = number(run.get("seconds"))
    told = (run.get("name"), run.get("status"), run.get("fault") or NONE)
    ended = (NONE if seconds is None else f"{seconds:.1f}", run.get("message") or NONE, run.get("directory"))
    return [str(text) for text in (*told, *ended)]
