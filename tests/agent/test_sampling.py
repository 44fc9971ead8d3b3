"""Sampling under the agent: who serves what, at which pace, and what a bad sampler can do (nothing)."""

from __future__ import annotations

import itertools
import json
import os
from typing import Any

from pytest_sixdim.agent.pace import FAST
from pytest_sixdim.core.records import CHANNELS
from tests.agent.conftest import Job

ALL = list(CHANNELS)
#: It warms up until samples.jsonl has as many lines besides the head as the first argument says, and goes on until
#: there are as many more as the second says; 0: it does not wait. Is there a third, it waits for a sampler to hang.
PROGRAM = """
def lines(number):
    if number:
        wait_for("../node-0/samples.jsonl", "\\n", times=1 + number)
before, timed = map(int, sys.argv[1:3])
if sys.argv[3:]:
    wait_for("../node-0/hangs")
lines(before)
event("warmup_end")
segment(1)
lines(before + timed if timed else 0)
segment(2)
event("end", status="success")
"""


def sampler(name: str, channels: list[str]) -> dict[str, Any]:
    return {"name": name.lower(), "class": f"tests.agent.stand_ins:{name}", "channels": channels, "options": {}}


def run(
    job: Job, *samplers: dict[str, Any], cards: int = 2, before: int = 2, timed: int = 4, **changes: Any
) -> dict[str, Any]:
    """What the sampler says of its work; the program waits for so many lines in its warm-up, and while it is timed."""
    return run_until(job, str(before), str(timed), cards=cards, samplers=list(samplers), **changes)


def run_until_it_hangs(job: Job, sampler: dict[str, Any]) -> dict[str, Any]:
    return run_until(job, "0", "0", "it hangs", cards=2, samplers=[sampler])


def run_until(job: Job, *args: str, **changes: Any) -> dict[str, Any]:
    result = job.run(PROGRAM, args=list(args), **changes)
    assert result["status"] == "completed"
    return dict(result["sampler"])


def test_power_and_energy_are_read_ten_times_a_second_while_segments_are_timed(job: Job) -> None:
    """And everything else once a second: however late readings are on a busy machine, most are of power and energy."""
    summary = run(job, sampler("Steady", ALL), timed=20)
    head, *lines = job.lines("samples.jsonl")
    assert [card["id"] for card in head["cards"]] == ["core:0", "core:1"]
    assert head["sources"]["power"] == {
        "sampler": "steady",
        "method": "instant",
        "scope": "card",
        "wrap": None,
        "resolution": None,
        "sensors": None,
    }
    assert head["unavailable"] == {}
    timed = next(event["seen"] for event in job.events() if event["event"] == "warmup_end")
    fast = [line for line in lines if line["t"] > timed]
    assert len(fast) <= (fast[-1]["t"] - fast[0]["t"]) / FAST + 3
    assert all(line["power"] == line["energy"] == [100.0, 101.0] for line in lines)
    assert sum(1 for line in fast if "memory" in line) < len(fast) / 2
    assert lines[0]["memory"] == lines[0]["temperature"] == [100.0, 101.0]
    assert all(later["t"] > earlier["t"] for earlier, later in itertools.pairwise(lines))
    assert summary["readings"] == len(lines)
    assert 0.0 < summary["cpu_seconds"] < 1.0
    assert summary["errors"] == 0
    assert 0.0 < summary["period_p50"] <= summary["period_max"]
    assert summary["readings_missing"] == dict.fromkeys(ALL, 0)
    assert summary["steady"] == {"cards": 2}


def test_what_is_read_at_the_windows_beginning_while_the_model_is_evaluated_is_read_again(job: Job) -> None:
    """Once, after the evaluation's end; an evaluation that lies elsewhere changes nothing."""
    source = """
    samples, reading = "../node-0/samples.jsonl", '"memory": ['
    wait_for(samples, reading)
    event("warmup_end")
    wait_for(samples, reading, times=2)
    event("evaluation", value=1.0, t=time.monotonic(), seconds=1000)
    wait_for(samples, reading, times=3)
    for step in range(3):
        event("evaluation", value=1.0, t=time.monotonic(), seconds=0)
        time.sleep(0.1)
    event("end", status="success")
    """
    assert job.run(source, cards=2, samplers=[sampler("Dear", ["memory"])])["status"] == "completed"
    readings = [line["t"] for line in job.lines("samples.jsonl") if "memory" in line]
    evaluated = next(event["t"] for event in job.events() if event["event"] == "evaluation")
    assert len(readings) == 3
    assert readings[1] < evaluated < readings[2]


def test_what_is_always_read_in_evaluations_is_read_again_three_times_at_most(job: Job) -> None:
    source = """
    samples, reading = "../node-0/samples.jsonl", '"memory": ['
    wait_for(samples, reading)
    event("warmup_end")
    for times in range(2, 6):
        wait_for(samples, reading, times=times)
        event("evaluation", value=1.0, t=time.monotonic(), seconds=1000)
    time.sleep(0.5)
    event("end", status="success")
    """
    assert job.run(source, cards=1, samplers=[sampler("Dear", ["memory"])])["status"] == "completed"
    assert len([line for line in job.lines("samples.jsonl") if "memory" in line]) == 5


def test_the_first_sampler_that_answers_a_channel_serves_it(job: Job) -> None:
    run(job, sampler("Absent", ["energy", "power"]), sampler("Steady", ["power"]), unavailable={"memory": "not asked"})
    head = job.lines("samples.jsonl")[0]
    assert {channel: source["sampler"] for channel, source in head["sources"].items()} == {"power": "steady"}
    unasked = dict.fromkeys(set(CHANNELS) - {"energy", "power", "memory"}, "no sampler was asked for it")
    assert head["unavailable"] == {"energy": "absent: no such library", "memory": "not asked", **unasked}


def test_a_sampler_that_cannot_be_made_makes_its_channels_unavailable(job: Job) -> None:
    broken = {"name": "mine", "class": "nowhere:Mine", "channels": ["power"], "options": {}}
    unwilling = {**sampler("Steady", ["energy"]), "options": {"x": 1}}
    run(job, broken, unwilling, cards=1, before=0, timed=0)
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
    summary = run_until_it_hangs(job, sampler("Hanging", ["power"]))
    lines = job.lines("samples.jsonl")[1:]
    assert [line["error"].partition(" for ")[0] for line in lines] == ["hanging: no answer"]
    assert (summary["readings"], summary["errors"]) == (0, 1)


def test_a_sampler_that_hangs_before_the_first_reading_leaves_a_readable_file(job: Job) -> None:
    summary = run_until_it_hangs(job, sampler("HangingAtOpen", ["power"]))
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
    assert summary["readings_missing"] == {"power": 2 * summary["readings"]}
    assert summary["readings"] >= 2
    assert {line["error"] for line in lines if "error" in line} == {"crooked: 1 readings of energy for 2 cards"}
    assert summary["errors"] >= 2


def test_a_sampler_that_wants_to_end_the_process_is_recorded_and_the_others_go_on(job: Job) -> None:
    run(job, sampler("Quitting", ["energy"]), sampler("Steady", ["power"]))
    lines = job.lines("samples.jsonl")[1:]
    assert {line["error"] for line in lines if "error" in line} == {"quitting: SystemExit: no licence"}
    assert any("power" in line for line in lines)


def test_a_sampler_that_cannot_say_what_it_lacks_is_not_used_and_the_others_are(job: Job) -> None:
    run(job, sampler("Puzzling", ["energy"]), sampler("Steady", ["power"]))
    head = job.lines("samples.jsonl")[0]
    assert head["unavailable"]["energy"] == "puzzling: RuntimeError: the driver is gone"
    assert head["sources"].keys() == {"power"}


def test_whatever_samplers_say_of_their_work_the_run_has_its_result(job: Job) -> None:
    summary = run(job, sampler("Unaccountable", ["power"]), sampler("Verbose", ["energy"]))
    assert summary["unaccountable"] == {"error": "RuntimeError: the driver is gone"}
    assert summary["verbose"] == {"cards": None, "share": None, "calls": 3}


def test_a_sampler_that_never_ends_saying_what_it_did_does_not_hold_the_run(job: Job) -> None:
    summary = run(job, sampler("Brooding", ["power"]), sampler("Steady", ["energy"]))
    assert "brooding" not in summary
    assert summary["steady"] == {"cards": 2}
    assert summary["readings"] > 0


def test_a_sampler_that_cannot_be_closed_is_recorded_and_the_others_are_closed(job: Job) -> None:
    closed = job.directory / "closed"
    leaving = {**sampler("Leaving", ["energy"]), "options": {"path": str(closed)}}
    summary = run(job, sampler("Clinging", ["power"]), leaving)
    assert [line["error"] for line in job.lines("samples.jsonl")[1:] if "error" in line] == [
        "clinging: close: RuntimeError: busy"
    ]
    assert summary["errors"] == 1
    assert closed.exists()


def facts(job: Job) -> list[list[dict[str, Any]]]:
    """What was written of the cards besides readings, an instant each."""
    return [line["facts"] for line in job.lines("samples.jsonl") if "facts" in line]


def test_what_is_known_of_the_cards_is_written_before_during_and_after_the_segments(job: Job) -> None:
    summary = run(job, sampler("Knowing", ["power"]))
    lines = job.lines("samples.jsonl")[1:]
    kinds = ["facts" if "facts" in line else "reading" for line in lines]
    assert (kinds[0], kinds.count("facts"), kinds[-1]) == ("facts", 3, "facts")
    timed = next(event["seen"] for event in job.events() if event["event"] == "warmup_end")
    first, second, _ = [line["t"] for line in lines if "facts" in line]
    assert first < timed <= second
    assert [card["power_limit_watts"] for card in facts(job)[0]] == [700.0, 701.0]
    assert [card["ecc_corrected"] for card in [cards[0] for cards in facts(job)]] == [1, 2, 3]
    assert summary["errors"] == 0


def test_the_first_sampler_that_knows_a_fact_gives_it(job: Job) -> None:
    """The other one is asked for what it does not know."""
    wordy = {**sampler("Knowing", ["energy"]), "options": {"limit": 1.0, "driver": "535"}}
    run(job, sampler("Steady", ["memory"]), sampler("Knowing", ["power"]), wordy)
    assert facts(job)[0][1]["power_limit_watts"] == 701.0
    assert facts(job)[0][1]["driver"] == "535"


def test_facts_that_are_no_json_are_left_out(job: Job) -> None:
    odd = {**sampler("Knowing", ["power"]), "options": {"limit": float("nan"), "driver": None}}
    run(job, odd)
    assert set(facts(job)[0][0]) == {"ecc_corrected", "processes"}


def test_processes_of_the_run_are_told_from_those_of_others(job: Job) -> None:
    """The agent's own process is the run's, this one is somebody else's, and one that nobody sees is unknown."""
    listing = {**sampler("Knowing", ["power"]), "options": {"pids": [os.getpid(), 4194304 + 1]}}
    run(job, listing)
    for instant in facts(job):
        assert [process["own"] for process in instant[0]["processes"]] == [True, False, None]


def test_a_sampler_that_fails_to_tell_is_recorded_and_the_readings_go_on(job: Job) -> None:
    summary = run(job, sampler("Tongueless", ["power"]), sampler("Knowing", ["energy"]), sampler("Uneven", ["memory"]))
    lines = job.lines("samples.jsonl")[1:]
    assert {line["error"] for line in lines if "error" in line} == {
        "tongueless: facts: RuntimeError: the driver is gone",
        "uneven: facts: ValueError: facts of 3 cards, there are 2",
    }
    assert summary["errors"] == 6
    assert len(facts(job)) == 3
    assert any("power" in line for line in lines)


def test_a_sampler_that_tells_what_is_nothing_is_recorded_and_the_readings_go_on(job: Job) -> None:
    summary = run(job, sampler("Wordless", ["power"]), sampler("Knowing", ["energy"]), timed=10)
    errors = {line["error"] for line in job.lines("samples.jsonl")[1:] if "error" in line}
    assert len(errors) == 1
    assert errors.pop().startswith("wordless: facts: TypeError: ")
    assert len(facts(job)) == 3
    assert summary["readings"] >= 4


def test_a_sampler_that_never_ends_telling_does_not_hold_the_run(job: Job) -> None:
    summary = run_until_it_hangs(job, sampler("Rambling", ["power"]))
    lines = job.lines("samples.jsonl")[1:]
    assert [line["error"].partition(" for ")[0] for line in lines] == ["rambling: no answer"]
    assert summary["errors"] == 1


def test_a_sampler_that_takes_long_to_tell_is_not_asked_while_segments_are_timed(job: Job) -> None:
    run(job, sampler("Slow", ["power"]))
    assert len(facts(job)) == 2


def test_the_training_program_is_told_how_far_the_cards_grew_warmer(job: Job) -> None:
    """Until segments are timed; a minute of readings is more than these runs have."""
    run(job, sampler("Steady", ["temperature"]), timed=3)
    told = json.loads((job.node / "thermal.json").read_text())
    assert told["rise"] is None
    readings = [line["t"] for line in job.lines("samples.jsonl") if "temperature" in line]
    timed = next(event["seen"] for event in job.events() if event["event"] == "warmup_end")
    assert readings[0] <= told["t"] < readings[-1]
    assert sum(reading > told["t"] for reading in readings) >= sum(reading > timed for reading in readings) - 1 > 0


def test_without_a_thermometer_nothing_is_said_of_warmth(job: Job) -> None:
    run(job, sampler("Steady", ["power"]))
    assert not (job.node / "thermal.json").exists()


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
    source = """
    import re
    samples = "../node-0/samples.jsonl"
    while not (os.path.exists(samples) and re.search(r'"memory": \\[\\d[^nN]*]', open(samples).read())):
        time.sleep(0.02)
    event("end", status="success")
    """
    result = job.run(source, cards=2, samplers=[rapl, memory])
    head, *lines = job.lines("samples.jsonl")
    assert head["unavailable"]["energy"].startswith("rapl: no powercap zone")
    assert head["sources"]["memory"]["method"] == "proportional set size"
    readings = [line["memory"] for line in lines if None not in line["memory"]]
    assert readings
    assert all(1e6 < value < 1e9 for reading in readings for value in reading)
    assert result["sampler"]["process_memory"]["interval_max"] >= 1.0
