"""A vendor's tool under the agent: what it prints becomes samples, and it is gone when the run is over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.strays import end_strays
from tests.agent.conftest import Job, strays, wait_for

#: It is timed until the first argument's file holds the second as often as the third says.
PROGRAM = """
event("warmup_end")
segment(1)
wait_for(sys.argv[1], sys.argv[2], times=int(sys.argv[3]))
segment(2)
event("end", status="success")
"""


def choice(directory: Path, body: str) -> dict[str, Any]:
    """The command sampler with a tool that runs `body`."""
    tool = directory / "bin" / "acme-smi"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\necho $$ >> "{directory}/pids"\n{body}\n')
    tool.chmod(0o755)
    query = {
        "command": ["acme-smi"],
        "format": "csv",
        "fields": {"index": "index", "power": "power", "memory": "used"},
    }
    return {
        "name": "command",
        "class": "pytest_sixdim.samplers.command:CommandSampler",
        "channels": ["power", "memory", "temperature"],
        "options": {
            "alternatives": [query],
            "environment": {"PATH": f"{tool.parent}:{{PATH}}"},
            "interval": 0.2,
            "timeout": 30,
        },
    }


def test_what_the_tool_prints_becomes_samples(job: Job, tmp_path: Path) -> None:
    body = "printf 'index, power [W], used [MiB]\\n1, 60.5, 200\\n0, 50.5, 100\\n'"
    args = ["../node-0/samples.jsonl", '"power"', "4"]  # the head names it too
    result = job.run(PROGRAM, cards=2, samplers=[choice(tmp_path, body)], args=args)
    assert result["status"] == "completed"
    head, *lines = job.lines("samples.jsonl")
    assert head["sources"]["power"]["sampler"] == "acme-smi"
    assert head["unavailable"]["temperature"] == "command: acme-smi does not print it"
    powers = [line["power"] for line in lines if "power" in line]
    assert len(powers) >= 3
    assert powers[:-1] == [[50.5, 60.5]] * (len(powers) - 1)  # the last call may be ended with the run
    assert [100 * 2**20, 200 * 2**20] in [line.get("memory") for line in lines]
    cost = result["sampler"]["command"]
    assert cost["calls"] >= len(powers)
    assert cost["failures"] <= 1


def test_tool_that_hangs_midway_leaves_gaps_and_no_process(job: Job, tmp_path: Path) -> None:
    body = f'[ -e "{tmp_path}/once" ] && exec sleep 1000\n: > "{tmp_path}/once"\n'
    body += "printf 'index, power [W]\\n0, 50.5\\n1, 60.5\\n'"
    args = [str(tmp_path / "pids"), "\n", "2"]
    result = job.run(PROGRAM, cards=2, samplers=[choice(tmp_path, body)], args=args)
    assert result["status"] == "completed"
    lines = job.lines("samples.jsonl")[1:]
    assert [line["power"] for line in lines if "power" in line] == [[50.5, 60.5]]
    for pid in (tmp_path / "pids").read_text().split():
        assert not Path(f"/proc/{pid}").exists()


def test_tool_is_not_asked_again_when_another_sampler_hangs_and_the_run_is_over(job: Job, tmp_path: Path) -> None:
    hanging = {"name": "hanging", "class": "tests.agent.stand_ins:Hanging", "channels": ["temperature"], "options": {}}
    body = f'[ -e "{tmp_path}/once" ] && exec sleep 1000\n: > "{tmp_path}/once"\n'
    body += "printf 'index, power [W]\\n0, 50.5\\n1, 60.5\\n'"
    tool = choice(tmp_path, body)
    args = [str(tmp_path / "pids"), "\n", "2"]
    result = job.run(PROGRAM, cards=2, samplers=[tool, hanging], args=args)
    assert result["status"] == "completed"
    assert len((tmp_path / "pids").read_text().split()) == 2
    for pid in (tmp_path / "pids").read_text().split():
        assert not Path(f"/proc/{pid}").exists()


def test_a_tool_that_outlives_a_killed_agent_is_found_and_ended(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # whose sessions alone end it
    handle = job.start("ready()\ntime.sleep(600)", samplers=[choice(tmp_path, "exec sleep 1000")])
    wait_for((job.directory / "work" / "ready-0").exists)
    wait_for(lambda: (tmp_path / "pids").exists() and (tmp_path / "pids").read_text().endswith("\n"))
    tool = int((tmp_path / "pids").read_text().split()[0])
    handle.kill()
    assert tool in [pid for found in end_strays() for pid in found.pids]
    assert strays(handle.pid) == []
