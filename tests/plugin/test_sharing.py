"""Several runs on one host: who waits, who shares, what the result says, and what killed runs leave."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.leases import lease
from pytest_sixdim.samplers import Device
from tests.plugin.conftest import Bench, strays

ONE = "cpu-fp32-bs32-1x1"
SPEED = ("-m", "singlecard and speed")


def cores() -> tuple[Device, ...]:
    """The pool of a session on this host."""
    return tuple(Device(place, f"core:{core}", "") for place, core in enumerate(sorted(os.sched_getaffinity(0))))


def neighbour(share: bool = True) -> Any:
    """A lease of this process on the first core, as another session's run would have it."""
    return lease(Path("elsewhere"), "other/one/full-1", cores(), 1, share=share, waiting=lambda text: None)


def until(condition: Callable[[], object], what: str, limit: float = 180.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.05)


class Session:
    """pytest in a process of its own, beside this one. `mark`: that all its processes carry."""

    def __init__(self, bench: Bench, *args: str) -> None:
        self.mark = f"sharing-{os.getpid()}-{time.monotonic_ns()}"
        self._out = bench.path / f"out-{self.mark}"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pytest", "--sixdim", "--sixdim-python", str(bench.python), *args],
                cwd=bench.path,
                env={**os.environ, "MARK_OF_THIS_TEST": self.mark},
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._out.read_text()

    def end(self) -> str:
        """Its output, once it has ended."""
        try:
            self.process.wait(240)
        finally:
            self.process.kill()
        return self.output


def record(bench: Bench, name: str) -> dict[str, Any]:
    return dict(json.loads((bench.session / "tiny" / ONE / "window-1" / name).read_text()))


def test_a_run_waits_for_one_of_another_session_and_says_for_whom(bench: Bench) -> None:
    bench.case("tiny")
    with neighbour(share=False):
        session = Session(bench, *SPEED)
        said = f"waiting for the host: run other/one/full-1 of process {os.getpid()} has it"
        until(lambda: said in session.output, said)
        assert not list(bench.results.glob("*/tiny"))
    session.end()
    assert bench.result("window-1")["status"] == "completed"
    assert record(bench, "lease.json") | {"since_unix": 0, "until_unix": 0, "waited_seconds": 0} == {
        "shared": False,
        "cards": [cores()[0].id],
        "since_unix": 0,
        "until_unix": 0,
        "process": session.process.pid,
        "waited_seconds": 0,
        "neighbours": [],
    }
    assert record(bench, "lease.json")["waited_seconds"] > 0
    flags = bench.scorecard(ONE)["dimensions"]["speed"]["flags"]
    assert not [flag for flag in flags if "shared the host" in flag]


def test_runs_that_share_have_cores_of_their_own_and_the_result_names_the_neighbour(bench: Bench) -> None:
    bench.case("tiny")
    recorded = bench.path / "new.yaml"
    with neighbour() as theirs:
        tests = ("-m", "singlecard and (speed or accuracy)")
        output = bench.run("--sixdim-share", "--sixdim-save-baseline", str(recorded), *tests).stdout.str()
    assert [device.id for device in theirs.devices] == [cores()[0].id]
    order, held = (
        json.loads((bench.session / "tiny" / ONE / "full-1" / name).read_text())
        for name in ("order.json", "lease.json")
    )
    assert [device["id"] for device in order["devices"]] == [cores()[1].id] == held["cards"]
    (other,) = held["neighbours"]
    assert (other["run"], other["process"], other["cards"]) == ("other/one/full-1", os.getpid(), [cores()[0].id])
    speed = bench.scorecard(ONE)["dimensions"]["speed"]
    assert "shared the host with 1 other run (other/one/full-1)" in speed["flags"]
    assert speed["verdict"] == "unjudged"
    assert f"not in the baseline of tiny {ONE}: speed: measured beside other runs (--sixdim-share)" in output
    assert "speed:" not in recorded.read_text()


def test_where_nobody_came_sharing_leaves_no_trace_in_the_figures(bench: Bench) -> None:
    bench.case("tiny")
    bench.run("--sixdim-share", *SPEED)
    assert (record(bench, "lease.json")["shared"], record(bench, "lease.json")["neighbours"]) == (True, [])
    speed = bench.scorecard(ONE)["dimensions"]["speed"]
    assert not [flag for flag in speed["flags"] if "shared" in flag]
    assert "neighbours" not in speed["detail"]


def opened(pid: int) -> list[str]:
    """The lock files that a process has open."""
    try:
        links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []
    return [link for link in links if link.endswith(".lock")]


def hanging(bench: Bench) -> bool:
    events = bench.results / "latest" / "tiny" / ONE / "window-1" / "node-0" / "events.jsonl"
    return events.exists() and events.read_text().count('"segment"') >= 2


def agent(bench: Bench, mark: str) -> int:
    """The process number of the agent of a session."""
    found = [pid for pid in strays(mark) if b"pytest_sixdim.agent" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def hung(bench: Bench) -> Session:
    """A session whose run hangs, with a child in a session of its own."""
    bench.case("tiny", "--fault", "hang", "--child", stall="10 min", timeout="20 min")
    session = Session(bench, *SPEED)
    until(lambda: hanging(bench), "the run to hang")
    return session


def test_pytest_and_agent_hold_the_locks_and_nobody_else_and_a_killed_agent_leaves_nothing(
    bench: Bench, hung: Session
) -> None:
    holding = {pid: opened(pid) for pid in strays(hung.mark)}
    agent_pid = agent(bench, hung.mark)
    assert len(holding) >= 4
    assert {pid for pid, files in holding.items() if files} == {hung.process.pid, agent_pid}
    assert sorted(re.split("[-.]", Path(file).name)[0] for file in holding[agent_pid]) == ["card", "host", "run"]
    os.kill(agent_pid, signal.SIGKILL)
    output = hung.end()
    assert "of a killed run (" in output
    assert "were still there; ended" in output or "was still there; ended" in output
    assert strays(hung.mark) == []
    assert bench.result("window-1")["status"] == "agent_lost"


def test_when_pytest_and_agent_are_killed_the_next_run_ends_what_is_left(bench: Bench, hung: Session) -> None:
    agent_pid = agent(bench, hung.mark)
    hung.process.kill()
    os.kill(agent_pid, signal.SIGKILL)
    hung.process.wait()
    left = strays(hung.mark)
    assert left
    bench.case("tiny")
    output = bench.run("--sixdim-contention", "error", *SPEED).stdout.str()
    assert strays(hung.mark) == []
    assert "of a killed run (" in output
    (sentence,) = record(bench, "order.json")["strays"]
    assert sentence.endswith("still there; ended")
    assert "contention_before" not in record(bench, "order.json")
    assert bench.result("window-1")["status"] == "completed"
