"""Faults of the agent and of what it stands on: killed, stopped, swamped with processes; clocks that jump."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.processes import SCRATCH
from tests.agent.conftest import HANGS, Job, strays, wait_for
from tests.faults.conftest import Campaign
from tests.plugin.conftest import PROGRAMS

WELL = ["start", "warmup_end", *["segment"] * 5, "evaluation", "end"]


def strike(campaign: Campaign, number: signal.Signals, then: str = "") -> None:
    """Send the agent of the second run a signal, once the run has a child in a session of its own; then a command."""
    place = campaign.bench.path / "now"
    campaign.case("child", "--place", str(place))
    watch = subprocess.Popen(
        ["sh", "-c", f'while [ ! -s "{place}" ]; do sleep 0.1; done; kill -{int(number)} $(cat "{place}"); {then}']
    )
    campaign.run("-m", "stability or speed", "--sixdim-runs", "3")
    assert watch.wait(HANGS) == 0


def lost(campaign: Campaign, message: str) -> None:
    """The second run lost its agent, the first and the third are well, and nothing of the agent lies around."""
    result = campaign.result("full-2")
    assert (result["status"], result["ended_by"]) == ("agent_lost", "runner")
    assert result["message"].startswith(message)
    assert f"full-2 lost its agent: {message}" in campaign.text
    assert campaign.dimension("stability")["verdict"] == "fail"
    for run in ("full-1", "full-3"):
        assert campaign.result(run)["status"] == "completed"
        assert campaign.events(run) == WELL
    assert campaign.dimension("speed")["verdict"] == "unjudged"


def test_agent_is_killed(campaign: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    strike(campaign, signal.SIGKILL)
    lost(campaign, "the agent ended without a result: it was killed by SIGKILL")
    assert list(tmp_path.glob(f"{SCRATCH}*")) == []


def test_agent_is_stopped(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner's clock is put forward, by more than any limit."""
    clock = campaign.bench.path / "put-forward"
    monkeypatch.setenv("PYTHONPATH", str(PROGRAMS / "put_forward"))
    monkeypatch.setenv("PUT_FORWARD", str(clock))
    strike(campaign, signal.SIGSTOP, then=f'echo 10000 > "{clock}"')
    lost(
        campaign, "the agent ended without a result: it did not answer for 60 s after the run's limits, and was killed"
    )


def test_two_hundred_deaf_children_are_gone_when_the_run_is_cancelled(job: Job) -> None:
    handle = job.start(
        """
        for _ in range(200):
            subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 600; done"], start_new_session=True)
        print("up")
        while True:
            time.sleep(0.1)
        """
    )
    wait_for(lambda: job.printed() == "up\n")
    assert len(strays(handle.pid)) > 200
    handle.cancel()
    assert handle.wait(HANGS) == 1
    assert strays(handle.pid) == []
    assert job.result()["status"] == "cancelled"
    assert "could not be killed" not in job.result()["message"]


@pytest.mark.parametrize("kind", ["chain", "chain_of_sessions", "pair"])
def test_processes_that_fork_for_ever_are_gone_when_the_run_is_cancelled(job: Job, kind: str) -> None:
    """They are deaf to SIGTERM, and end by themselves after four minutes."""
    bomb = compiled(job.directory, "forking")
    handle = job.start(f"subprocess.Popen([{str(bomb)!r}, {kind!r}])\nprint('up')\ntime.sleep(600)")
    wait_for(lambda: job.printed() == "up\n")
    time.sleep(0.3)
    handle.cancel()
    assert handle.wait(HANGS) == 1
    assert strays(handle.pid) == []
    assert job.result()["status"] == "cancelled"
    assert "could not be killed" not in job.result()["message"]


def compiled(directory: Path, name: str, *options: str) -> Path:
    """A C program of tests/programs, or a library."""
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    target = directory / name
    subprocess.run(["cc", "-O1", *options, "-o", str(target), str(PROGRAMS / f"{name}.c")], check=True)
    return target


def shifted(campaign: Campaign, monkeypatch: pytest.MonkeyPatch, shift: str, *more: str) -> dict[str, Any]:
    """A run in whose window the clocks of pytest, the agent and the program jump by `shift`; its speed."""
    library = compiled(campaign.bench.path, "shifting_clock", "-shared", "-fPIC")
    place = campaign.bench.path / "shift"
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("SHIFT_FILE", str(place))
    campaign.case("clock", "--when", "1", "--place", str(place), "--shift", shift, *more)
    campaign.run("-m", "speed or accuracy or memory")
    result = campaign.result("full-1")
    assert result["status"] == "completed"
    assert 0 < result["seconds"] < 3600
    assert campaign.events("full-1") == WELL
    assert campaign.dimension("accuracy")["verdict"] == "pass"
    times = [json.loads(line)["t"] for line in samples(campaign)[1:]]
    assert times == sorted(times)
    return campaign.dimension("speed")


def samples(campaign: Campaign) -> list[str]:
    node = campaign.bench.session / "tiny" / campaign.configuration / "full-1" / "node-0"
    return (node / "samples.jsonl").read_text().splitlines()


@pytest.mark.parametrize("hours", [5, -5])
def test_clock_jumps(campaign: Campaign, monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    speed = shifted(campaign, monkeypatch, f"{hours * 3600} 0")
    assert speed["verdict"] == "unjudged"
    assert 1 < speed["value"] < 2 * 1600 / 0.15
    lease = json.loads((campaign.bench.session / "tiny" / campaign.configuration / "full-1" / "lease.json").read_text())
    assert abs(lease["until_unix"] - lease["since_unix"] - hours * 3600) < 600  # the jump was there


def test_host_is_suspended(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    # Memory is read once a second: a window of half a second may have no reading on a busy machine.
    speed = shifted(campaign, monkeypatch, "3600 3600", "--segment", "0.6")
    assert speed["verdict"] == "suspect"
    assert "the host was suspended for 3600" in speed["reason"]
    assert campaign.dimension("memory")["verdict"] == "suspect"
