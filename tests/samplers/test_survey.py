"""One sampler asked in a process of its own: what is printed, line by line; and how a counter's ticks are found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.samplers.calibration import Ticks, ticks

HERE = Path(__file__).parent


def ask(kind: str, channels: list[str], **request: Any) -> tuple[list[dict[str, Any]], str]:
    """The lines that the process printed, and what it printed on stderr."""
    choice = {"name": "imaginary", "class": f"kinds_of_samplers:{kind}", "channels": channels, "options": {}}
    asked = {"sampler": choice, "devices": None, "directory": "/nowhere", "timeout": 20, **request}
    answer = subprocess.run(
        [sys.executable, "-m", "pytest_sixdim.samplers.survey"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        env={"PYTHONPATH": f"{HERE}:{HERE.parent.parent}"},
    )
    return [json.loads(line) for line in answer.stdout.splitlines()], answer.stderr


def test_answer_comes_in_parts_and_ends_with_done() -> None:
    lines, _ = ask("TwoCards", ["energy", "power"])
    assert [next(iter(line)) for line in lines] == ["cards", "sources", "readings", "facts", "complaints", "done"]
    assert [card["uuid"] for card in lines[0]["cards"]] == ["IMG-0", "IMG-1"]
    assert lines[2]["readings"]["power"] == [250.0, 250.0]


def test_what_the_library_prints_is_not_between_the_answers() -> None:
    lines, errors = ask("Prints", ["power"])
    assert "reason" not in lines[-1]
    assert lines[2]["readings"] == {"power": [250.0, 250.0]}
    assert "hello from the vendor" in errors
    assert "and from its tool" in errors


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Raises", "OverflowError: a vendor's surprise"),
        ("Leaves", "SystemExit: a vendor's farewell"),
        ("Absent", "libimaginary.so.1 is not there"),
        ("Missing", "kinds_of_samplers:Missing: module 'kinds_of_samplers' has no attribute 'Missing'"),
    ],
)
def test_whatever_a_sampler_raises_is_the_reason(kind: str, reason: str) -> None:
    lines, _ = ask(kind, ["power"])
    assert lines[-1] == {"done": True, "reason": reason}


def test_a_process_that_nobody_kills_ends_by_itself() -> None:
    lines, _ = ask("HangsInReading", ["power"], timeout=-2.0)  # the alarm comes five seconds after the timeout
    assert [next(iter(line)) for line in lines] == ["cards", "sources"]


def test_tick_step_and_watts_are_those_of_the_changes() -> None:
    seen = [(0.013, 100.0), (0.1, 110.0), (0.2, 120.0), (0.3, 131.0)]
    found = ticks(seen, None, [95.0, 105.0])
    assert found.moves
    assert found.tick_seconds == pytest.approx(0.1)
    assert found.step_joules == 10.0
    assert found.watts == pytest.approx(21.0 / 0.2)
    assert found.polled_watts == 100.0


def test_a_counter_that_wraps_meanwhile_goes_on() -> None:
    found = ticks([(0.0, 80.0), (0.1, 90.0), (0.2, 0.0), (0.3, 10.0)], 100.0, [])
    assert found.watts == pytest.approx(100.0)
    assert found.polled_watts is None


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ([], Ticks(False)),
        ([(0.0, 5.0)], Ticks(False)),
        ([(0.0, 5.0), (0.1, 7.0)], Ticks(True, step_joules=2.0)),
        ([(0.0, 5.0), (0.1, 7.0), (0.2, 1.0)], Ticks(True)),
    ],
    ids=["no reading", "standing still", "one change", "set back"],
)
def test_too_little_to_see_is_none(seen: list[tuple[float, float]], found: Ticks) -> None:
    assert ticks(seen, None, []) == found
