"""Readings become lines: with gaps where there was silence, in watts where a counter counted joules."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.report.sensors import Sensors, read_sensors

from .runs import LAUNCH, Line, head, write_lines

SOURCE = {"sampler": "fake", "method": "instant", "scope": "card", "wrap": None, "resolution": None}


def samples_head(*channels: str, cards: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        **head(),
        "cards": [{"index": i, "id": f"c{i}", "name": "card", "total_bytes": None} for i in range(cards)],
        "sources": dict.fromkeys(channels, SOURCE),
        "unavailable": {},
        **fields,
    }


def sensors(run: Path, first: Mapping[str, Any], *ticks: Line, node: str = "node-0") -> Sensors:
    write_lines(run / node / "samples.jsonl", [first, *ticks])
    return read_sensors(run, head())


def tick(t: float, **channels: Any) -> dict[str, Any]:
    return {"t": LAUNCH + t, **channels}


def test_every_card_has_its_line(tmp_path: Path) -> None:
    read = sensors(
        tmp_path,
        samples_head("power", "memory", cards=2),
        tick(1.0, power=[100.0, 200.0], memory=[2**30, 2**31]),
        tick(2.0, power=[110.0, None]),
    )
    assert read.power.cards == {"card 0": (((1.0, 100.0), (2.0, 110.0)),), "card 1": (((1.0, 200.0),),)}
    assert read.memory.cards == {"card 0": (((1.0, 1.0),),), "card 1": (((1.0, 2.0),),)}
    assert (read.power.source, read.power.missing) == ("fake, instant, card", None)


@pytest.mark.parametrize("silence", [{"power": [None]}, {}, None])
def test_a_card_that_is_silent_for_long_leaves_a_gap(tmp_path: Path, silence: dict[str, Any] | None) -> None:
    quiet = [] if silence is None else [tick(float(t), **silence) for t in range(3, 12)]
    ticks = [tick(float(t), power=[100.0]) for t in range(3)] + quiet
    ticks += [tick(float(t), power=[100.0]) for t in range(12, 15)]
    (pieces,) = sensors(tmp_path, samples_head("power"), *ticks).power.cards.values()
    assert [(piece[0][0], piece[-1][0]) for piece in pieces] == [(0.0, 2.0), (12.0, 14.0)]


def test_a_sampler_that_takes_its_time_leaves_no_gap(tmp_path: Path) -> None:
    ticks = [tick(t, memory=[2**30]) for t in (0.0, 1.0, 3.0, 7.0, 13.0, 19.0)]
    (pieces,) = sensors(tmp_path, samples_head("memory"), *ticks).memory.cards.values()
    assert [len(piece) for piece in pieces] == [6]


def test_a_card_that_once_did_not_answer_leaves_a_gap(tmp_path: Path) -> None:
    ticks = [tick(t / 10, power=[None if t == 5 else 100.0]) for t in range(10)]
    (pieces,) = sensors(tmp_path, samples_head("power"), *ticks).power.cards.values()
    assert [len(piece) for piece in pieces] == [5, 4]


def test_a_counter_becomes_watts_over_at_least_a_second(tmp_path: Path) -> None:
    ticks = [tick(t / 4, energy=[25.0 * t]) for t in range(9)]
    power = sensors(tmp_path, samples_head("energy"), *ticks).power
    assert power.cards == {"card 0": (((1.0, 100.0), (2.0, 100.0)),)}
    assert power.source == "from the energy counter, fake, instant, card"


def test_a_counter_that_starts_again_is_no_dip(tmp_path: Path) -> None:
    first = samples_head(sources={"energy": {**SOURCE, "wrap": 1000.0}})
    counted = [tick(float(t), energy=[joules]) for t, joules in enumerate((800.0, 950.0, 100.0, 50.0, 200.0))]
    (pieces,) = sensors(tmp_path, first, *counted).power.cards.values()
    assert pieces == (((1.0, 150.0), (2.0, 150.0), (4.0, 150.0)),)


def test_polled_power_is_drawn_where_both_are_there(tmp_path: Path) -> None:
    read = sensors(tmp_path, samples_head("power", "energy"), tick(1.0, power=[70.0], energy=[5.0]))
    assert read.power.cards == {"card 0": (((1.0, 70.0),),)}


def test_what_was_not_read_says_why(tmp_path: Path) -> None:
    first = samples_head(unavailable={"energy": "no powercap zone", "memory": "no tool"})
    read = sensors(tmp_path, first, tick(1.0), tick(2.0, error="fake: late"))
    assert (read.power.missing, read.memory.missing) == ("no powercap zone", "no tool")
    assert read.errors == ("fake: late",)


def test_no_files_and_broken_files_are_no_readings(tmp_path: Path) -> None:
    assert read_sensors(tmp_path, {}).power.missing == "the run left no readings"
    broken: list[Line] = ["{", {"cards": 3, "sources": [], "unavailable": "x"}, {"t": "x"}, {"t": 1, "power": 5}]
    write_lines(tmp_path / "node-0" / "samples.jsonl", broken)
    assert read_sensors(tmp_path, head()).power.missing == "no readings were recorded"


def test_another_nodes_clock_is_tied_by_the_time_of_day(tmp_path: Path) -> None:
    sensors(tmp_path, samples_head("power"), tick(1.0, power=[100.0]))
    other = samples_head("power", monotonic=90.0, unix=head()["unix"] + 2.0, boot_id="other")
    read = sensors(tmp_path, other, {"t": 91.5, "power": [200.0]}, node="node-1")
    assert read.power.cards == {"node 0, card 0": (((1.0, 100.0),),), "node 1, card 0": (((3.5, 200.0),),)}
