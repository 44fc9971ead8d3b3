"""What reports say of launches: attempts, whose fault, earlier sessions, neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_sixdim.report.attempts import launches, notes, origins
from pytest_sixdim.report.evidence import read_evidence, window_run
from pytest_sixdim.report.table import remarks

from .sessions import SessionFolder, page_of
from .test_markdown import text_of


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        ({}, []),
        ({"attempt": 1, "fault": None, "reused": None, "neighbours": []}, []),
        ({"attempt": 3, "fault": "program"}, ["attempt 3"]),
        ({"fault": "host"}, ["the host's fault"]),
        ({"fault": "device", "reused": "2026-a"}, ["the device's fault", "from session 2026-a"]),
        ({"neighbours": ["a/b/full-1", "c/d/full-2"]}, ["beside a/b/full-1, c/d/full-2"]),
        ({"attempt": "x", "neighbours": "full-1", "fault": 3}, []),
    ],
)
def test_a_launchs_notes(run: dict[str, Any], expected: list[str]) -> None:
    assert notes(run) == expected


def again(folder: SessionFolder) -> dict[str, Any]:
    """A scorecard whose first run was launched twice, and whose second comes from an earlier session."""
    card = folder.scorecard([folder.run(1), folder.run(2), folder.run(3)], planned=3)
    first, second, third = card["runs"]
    first |= {
        "run": "full-1",
        "attempt": 1,
        "status": "launch_error",
        "fault": "host",
        "message": "port 29500 is taken",
    }
    second |= {"name": "full-1.attempt-2", "run": "full-1", "attempt": 2, "neighbours": ["other/full-1"]}
    third |= {"name": "full-2", "run": "full-2", "attempt": 1, "reused": "20260301T000000Z-a"}
    return card


def test_the_window_is_that_of_the_last_launch(folder: SessionFolder) -> None:
    from pytest_sixdim.core.scorecard import Scorecard

    shown = window_run(read_evidence(folder.directory, Scorecard.from_json(again(folder))))
    assert shown is not None
    assert shown.name == "full-1.attempt-2"


def test_launches_of_a_run_that_took_several_are_listed(folder: SessionFolder) -> None:
    card = again(folder)
    assert [row[1:4] for row in launches([card])] == [
        ["full-1", "launch_error", "host"],
        ["full-1.attempt-2", "completed", "–"],
    ]
    text = text_of(folder, card)
    assert "## Runs that were launched more than once" in text
    assert "port 29500 is taken" in text
    assert "more than once" not in text_of(folder, folder.scorecard([folder.run(1)], planned=1))


def test_runs_of_an_earlier_session_are_named(folder: SessionFolder) -> None:
    card = again(folder)
    assert origins(card["runs"]) == ["full-2 from session 20260301T000000Z-a"]
    assert f"note {card['case']} {card['configuration']}: full-2 from session 20260301T000000Z-a" in remarks([card])


def test_the_page_has_a_row_for_each_launch_with_its_notes(folder: SessionFolder) -> None:
    page = page_of(folder, again(folder))
    for text in (
        "full-1.attempt-2",
        "the host&#39;s fault",
        "attempt 2; beside other/full-1",
        "from session 20260301T",
    ):
        assert text in page
