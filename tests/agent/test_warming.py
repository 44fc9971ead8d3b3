"""How far the cards grew warmer in the last minute, as the training program reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.warming import Warming


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "thermal.json"


def told(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def test_the_rise_is_unknown_until_a_minute_of_readings_is_there(path: Path) -> None:
    warming = Warming(path)
    for second in range(60):
        warming.take(1000.0 + second, [40.0 + second])
        assert told(path) == {"t": 1000.0 + second, "rise": None}
    warming.take(1060.0, [100.0])
    assert told(path) == {"t": 1060.0, "rise": 60.0}


def test_only_the_last_minute_counts(path: Path) -> None:
    warming = Warming(path)
    for second in range(200):
        warming.take(1000.0 + second, [min(40.0 + second, 100.0)])
    assert told(path)["rise"] == 0.0


def test_the_card_that_rose_most_counts(path: Path) -> None:
    warming = Warming(path)
    for second in range(61):
        warming.take(1000.0 + second, [50.0 - second / 60, 50.0 + second / 20, 50.0])
    assert told(path)["rise"] == pytest.approx(3.0)


def test_cards_without_a_thermometer_are_passed_over(path: Path) -> None:
    warming = Warming(path)
    for second in range(61):
        warming.take(1000.0 + second, [None, 50.0 + second / 120])
    assert told(path)["rise"] == pytest.approx(0.5)


def test_no_file_is_written_where_no_card_has_a_thermometer(path: Path) -> None:
    Warming(path).take(1000.0, [None, None])
    assert not path.exists()


def test_a_thermometer_that_fell_silent_is_left_out_and_the_last_one_leaves_an_old_file(path: Path) -> None:
    warming = Warming(path)
    for second in range(140):
        warming.take(1000.0 + second, [50.0 + second if second < 20 else None, 50.0 if second < 70 else None])
    assert told(path) == {"t": 1128.0, "rise": 0.0}
