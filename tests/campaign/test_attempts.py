"""Which failed runs may be launched again, and where a run's launches are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.attempts import last_launch, may_repeat
from pytest_sixdim.campaign.plan import RunKey
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.records import RunRecord, RunResult


@pytest.mark.parametrize(
    ("status", "ended_by", "fault", "may"),
    [
        ("launch_error", "agent", "host", True),
        ("launch_error", "program", "host", True),
        ("agent_lost", "runner", "host", True),
        ("crashed", "program", "host", True),
        ("crashed", "program", "device", True),
        ("card_lost", "program", "device", True),
        ("crashed", "program", "program", False),
        ("diverged", "program", "program", False),
        ("target_missed", "program", None, False),
        ("completed", "program", None, False),
        ("cancelled", "user", None, False),
        ("crashed", "program", None, False),
    ],
)
def test_what_may_be_launched_again(tmp_path: Path, status: str, ended_by: Any, fault: Any, may: bool) -> None:
    result = RunResult(status, ended_by, fault=fault)
    assert may_repeat(RunRecord("full", 1, 1, result, (), (), {}, tmp_path)) is may


def test_a_run_that_was_refused_for_others_on_its_cards_is_not() -> None:
    refused = RunResult("launch_error", "runner", "process 7 is on the card; --sixdim-contention error")
    assert not may_repeat(RunRecord("full", 1, 1, refused, (), (), {}, Path()))


def test_launches_are_named_alike_everywhere(tmp_path: Path) -> None:
    store, key = Store(tmp_path), RunKey("tiny", "cpu", "full", 1)
    folder = tmp_path / "tiny" / "cpu"
    assert last_launch(folder, key.name) == store.run_directory(key)
    for attempt, name in enumerate(("full-1", "full-1.attempt-2", "full-1.attempt-3"), 1):
        directory = store.run_directory(key, attempt)
        directory.mkdir(parents=True)
        record = RunRecord("full", 1, 1, RunResult("completed", "program"), (), (), {"attempt": attempt}, directory)
        assert directory.name == record.launch == name
        assert last_launch(folder, key.name) == directory
