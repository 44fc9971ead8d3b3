"""Sampling under the agent: who serves what, at which pace, and what a bad sampler can do (nothing)."""

from __future__ import annotations

import itertools
from typing import Any

from tests.agent.conftest import Job

ALL = ["energy", "power", "memory", "temperature", "utilization"]
#: Segments of as many seconds as the argument says, after a warm-up of 0.3 s.
PROGRAM = """
time.sleep(0.3)
event("warmup_end")
for index in (1, 2):
    time.sleep(float(sys.argv[1]))
    segment(index)
event("end", status="success")
"""


def sampler(name: str, channels: list[str]) -> dict[str, Any]:
    return {"name": name.lower(), "class": f"tests.agent.stand_ins:{name}", "channels": channels, "options": {}}


def run(job: Job, *samplers: dict[str, Any], cards: int = 2, segment: float = 0.2, **changes: Any) -> dict[str, Any]:
    result = job.run(PROGRAM, cards=cards, samplers=list(samplers), args=[str(segment)], **changes)
    assert result["status"] == "completed"
    return dict(result["sampler"])


def test_power_and_energy_are_read_ten_times_a_second_while_segments_are_timed(job: Job) -> None:
    summary = run(job, sampler("Steady", ALL), segment=0.5)
    head, *lines = job.lines("samples.jsonl")
    assert [card["id"] for card in head["cards"]] == ["core:0", "core:1"]
    assert head["sources"]["power"] == {
        "sampler": "steady",
        "method": "instant",
        "scope": "card",
        "wrap": None,
        "resolution": None,
    }
    assert head["unavailable"] == {}
    timed = next(event["seen"] for event in job.events() if event["event"] == "warmup_end")
    fast = [line for line in lines if timed <= line["t"] <= timed + 1.0]
    assert 6 <= len(fast) <= 13  # ten, on a busy machine
    assert all(line["power"] == line["energy"] == [100.0, 101.0] for line in lines)
    assert sum(1 for line in fast if "memory" in line) <= 2
    assert lines[0]["memory"] == lines[0]["temperature"] == [100.0, 101.0]
    assert all(later["t"] > earlier["t"] for earlier, later in itertools.pairwise(lines))
    assert summary["readings"] == len(lines)
    assert 0.0 < summary["cpu_seconds"] < 1.0
    assert summary["errors"] == 0
    assert 0.09 <= summary["period_p50"] <= 0.3
    assert summary["steady"] == {"cards": 2}


def test_the_first_sampler_that_answers_a_channel_serves_it(job: Job) -> None:
    run(job, sampler("Absent", ["energy", "power"]), sampler("Steady", ["power"]), unavailable={"memory": "not asked"})
    head = job.lines("samples.jsonl")[0]
    assert {channel: source["sampler"] for channel, source in head["sources"].items()} == {"power": "steady"}
    assert head["unavailable"] == {
        "energy": "absent: no such library",
        "memory": "not asked",
        "temperature": "no sampler was asked for it",
        "utilization": "no sampler was asked for it",
    }


def test_a_sampler_that_cannot_be_made_makes_its_channels_unavailable(job: Job) -> None:
    broken = {"name": "mine", "class": "nowhere:Mine", "channels": ["power"], "options": {}}
    unwilling = {**sampler("Steady", ["energy"]), "options": {"x": 1}}
    run(job, broken, unwilling, cards=1)
    reasons = job.lines("samples.jsonl")[0]["unavailable"]
    assert reasons["power"] == "mine: nowhere:Mine: No module named 'nowhere'"
    assert reasons["energy"].startswith("steady: TypeError")


def test_a_sampler_that_raises_is_recorded_and_the_others_go_on(job: Job) -> None:
    summary = run(job, sampler("Raising", ["energy"]), sampler("Steady", ["power"]))
    lines = job.lines("samples.jsonl")[1:]
    errors = [line["error"] for line in lines if "error" in line]
    assert set(errors) == {"raising: RuntimeError: the driver is gone"}
    assert summary["errors"] == len(errors) >= 2
    assert all("energy" not in line for line in lines)
    assert any("power" in line for line in lines)


def test_a_sampler_that_hangs_does_not_hold_the_run(job: Job) -> None:
    summary = run(job, sampler("Hanging", ["power"]))
    lines = job.lines("samples.jsonl")[1:]
    assert [line["error"].partition(" for ")[0] for line in lines] == ["hanging: no answer"]
    assert (summary["readings"], summary["errors"]) == (0, 1)


def test_a_sampler_that_hangs_before_the_first_reading_leaves_a_readable_file(job: Job) -> None:
    summary = run(job, sampler("HangingAtOpen", ["power"]))
    head, *lines = job.lines("samples.jsonl")
    assert head["sources"] == {}
    assert head["unavailable"]["power"] == "no answer"
    assert [line["error"].partition(" for ")[0] for line in lines] == ["hangingatopen: no answer"]
    assert summary["errors"] == 1


def test_readings_that_cannot_be_are_not_written(job: Job) -> None:
    summary = run(job, sampler("Crooked", ["power", "energy"]))
    lines = job.lines("samples.jsonl")[1:]
    assert all("energy" not in line for line in lines)
    assert all(line["power"] == [None, None] for line in lines if "power" in line)
    assert {line["error"] for line in lines if "error" in line} == {
        "crooked: ValueError: 1 readings of energy for 2 cards"
    }
    assert summary["errors"] >= 2


def test_real_samplers_of_this_host_work_together(job: Job) -> None:
    memory = {
        "name": "process_memory",
        "class": "pytest_sixdim.samplers.process_memory:ProcessMemorySampler",
        "channels": ["memory"],
        "options": {},
    }
    rapl = {
        "name": "rapl",
        "class": "pytest_sixdim.samplers.rapl:RaplSampler",
        "channels": ["energy"],
        "options": {"path": str(job.directory / "no-powercap")},
    }
    result = job.run("time.sleep(2)" + PROGRAM, cards=2, samplers=[rapl, memory], args=["0.1"])
    head, *lines = job.lines("samples.jsonl")
    assert head["unavailable"]["energy"].startswith("rapl: no powercap zone")
    assert head["sources"]["memory"]["method"] == "proportional set size"
    readings = [line["memory"] for line in lines if None not in line["memory"]]
    assert readings
    assert all(1e6 < value < 1e9 for reading in readings for value in reading)
    assert result["sampler"]["process_memory"]["interval_max"] >= 1.0
