"""Which of a session's figures become a baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.recording import record_baselines
from pytest_sixdim.core.judging import judge
from pytest_sixdim.core.results import DimensionResult, Measured
from pytest_sixdim.core.scorecard import new_scorecard
from tests.core.builders import CONFIGURATION, case, measurements

SESSION = {"plugin": "0.1", "directory": "/results/20260301T000000Z-abc", "software": {"torch": "2.1"}}


def written(path: Path, result: DimensionResult) -> tuple[str, list[str]]:
    """What is written of a configuration whose accuracy passed, and what is said."""
    card = new_scorecard(case(), CONFIGURATION, measurements(), None)
    for each in (DimensionResult("accuracy", "pass", "well", "%", 76.0), result):
        card = card.with_result(each)
    lines = record_baselines(path / "new.yaml", [card.to_json()], SESSION)
    return (path / "new.yaml").read_text(), lines


def judged(measured: Measured) -> DimensionResult:
    return judge("memory", case(), CONFIGURATION, measurements(dimensions={"memory": measured}), None)


def test_an_unjudged_figure_may_judge_later_runs(tmp_path: Path) -> None:
    text, lines = written(tmp_path, judged(Measured("GiB", 20.5)))
    assert "memory: 20.5" in text
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        (
            {"unjudged": "reserved: the program takes memory in advance"},
            "reserved: the program takes memory in advance",
        ),
        ({"failed": "the cards were shared"}, "a run that it needs failed"),
        ({"unknown": "cards matched by nobody"}, "unknown"),
        ({"detail": {"scope": "package"}}, "of a package, not of a card"),
        ({"detail": {"neighbours": ["a/b/full-1"]}}, "measured beside other runs (--sixdim-share)"),
    ],
)
def test_what_is_no_figure_of_a_card_is_left_out_and_said(tmp_path: Path, measured: dict[str, Any], why: str) -> None:
    text, lines = written(tmp_path, judged(Measured("GiB", 20.5, **measured)))
    assert "20.5" not in text
    assert any(line.endswith(f"memory: {why}") for line in lines)
