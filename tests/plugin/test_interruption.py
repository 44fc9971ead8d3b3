"""Ctrl-C and SIGKILL of pytest: the run is cancelled, nothing stays, what was measured is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugin.conftest import Bench, strays

ONE = "cpu-fp32-bs32-1x1"


def until(condition: Callable[[], object], what: str, limit: float = 180.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.05)


def start(bench: Bench, mark: str, *more: str) -> subprocess.Popen[bytes]:
    """pytest, in a process group of its own, on a case that hangs in its second run and leaves a child in a session."""
    bench.case("tiny", "--fault", "hang", "--fault-seed", "2", "--child", stall="10 min", timeout="20 min")
    options = ("--sixdim", "--sixdim-python", str(bench.python), "-m", "singlecard and stability", *more)
    with (bench.path / "out").open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", *options],
            cwd=bench.path,
            env={**os.environ, "MARK_OF_THIS_TEST": mark},
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def hanging(bench: Bench) -> bool:
    events = bench.results / "latest" / "tiny" / ONE / "full-2" / "node-0" / "events.jsonl"
    return events.exists() and events.read_text().count('"segment"') >= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_stays_and_finished_runs_are_kept(bench: Bench, tmp_path: Path, number: signal.Signals) -> None:
    mark = f"interrupted-{os.getpid()}-{number}"
    process = start(bench, mark)
    until(lambda: hanging(bench), "the second run to hang")
    assert len(strays(mark)) >= 4
    process.send_signal(number)
    code = process.wait(180)
    until(lambda: not strays(mark), "every process to end")
    assert code == (2 if number == signal.SIGINT else -signal.SIGKILL)
    assert bench.result("full-1")["status"] == "completed"
    until((bench.session / "tiny" / ONE / "full-2" / "result.json").exists, "the agent's last word")
    assert bench.result("full-2")["status"] == "cancelled"
    assert not (bench.session / "tiny" / ONE / "full-3").exists()
    lock = json.loads((Path(os.environ["XDG_RUNTIME_DIR"]) / "sixdim" / "host.lock").read_text())
    assert lock["run"].endswith("full-2")
    assert "Traceback" not in (bench.path / "out").read_text()


def test_a_killed_agent_fails_what_needs_its_run_and_the_session_goes_on(bench: Bench) -> None:
    mark = f"agent-{os.getpid()}"
    process = start(bench, mark)
    until(lambda: hanging(bench), "the second run to hang")
    agents = [pid for pid in strays(mark) if b"pytest_sixdim.agent" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(agents) == 1
    os.kill(agents[0], signal.SIGKILL)
    assert process.wait(180) == pytest.ExitCode.TESTS_FAILED
    assert bench.result("full-2")["status"] == "agent_lost"
    assert [bench.result(f"full-{index}")["status"] for index in (1, 3, 4, 5)] == ["completed"] * 4
    assert "full-2 lost its agent" in (bench.path / "out").read_text()
    ranks = [pid for pid in strays(mark) if b"steps.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert ranks == []
    for pid in strays(mark):  # a killed agent can't end what a rank left in a session of its own
        os.kill(pid, signal.SIGKILL)
