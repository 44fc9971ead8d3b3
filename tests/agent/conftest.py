"""Runs small programs under the real agent; a stand-in for torchrun starts their ranks at once (tests/programs)."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.launchers.local import LocalHandle, LocalLauncher

STANDIN = Path(__file__).parent.parent / "programs" / "torchrun_standin.py"

#: Seconds after which a run hangs, and so does whatever a test waits for. Nothing that goes well takes as long, on
#: however busy a machine.
HANGS = 120.0
#: Nor do ranks lag behind each other so many seconds. Where a test waits for the teardown, it says a shorter one.
TEARDOWN = 30.0
#: The limits of a run that is to be ended a second after one of its ranks.
SHORT_TEARDOWN = {"timeout": HANGS, "stall": HANGS / 2, "teardown": 1.0}

#: What the programs of these tests start with.
PRELUDE = """\
import json, math, os, signal, subprocess, sys, time
NUMBERS = ("RANK", "RANK_ID", "PADDLE_TRAINER_ID", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
RANK = next((int(os.environ[name]) for name in NUMBERS if name in os.environ), 0)
def event(name, **fields):
    print("[sixdim] " + json.dumps({"event": name, **fields}), flush=True)
def ready():
    open(f"ready-{RANK}", "w").close()
def wait_for(path, text="", times=1):
    while not (os.path.exists(path) and open(path).read().count(text) >= times):
        time.sleep(0.02)
def put_clock_forward(seconds):
    with open(os.environ["PUT_FORWARD"] + ".part", "w") as file:
        file.write(str(seconds))
    os.rename(file.name, os.environ["PUT_FORWARD"])
def parent_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])
def segment(index):
    event("segment", index=index, samples=64, seconds=0.1, steps=50)
def window(segments=2):
    event("start", role="full", world_size=1, data="real")
    event("warmup_end")
    for index in range(1, segments + 1):
        segment(index)
"""


class Job:
    """One run below a directory of its own. `changes` of `order` replace keys of order.json."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.node = directory / "node-0"
        self.python = directory / "python"
        self.python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDIN}" "$@"\n')
        self.python.chmod(self.python.stat().st_mode | stat.S_IXUSR)

    def order(self, source: str = "", /, cards: int = 1, **changes: Any) -> Path:
        """Write a program with this source, and its order."""
        file = self.directory / "program.py"
        file.write_text(PRELUDE + textwrap.dedent(source))
        order = {
            "schema": 1,
            "role": "full",
            "nodes": 1,
            "cards": cards,
            "launch": "torchrun",
            "python": str(self.python),
            "program": str(file),
            "command": None,
            "args": [],
            "environment": {},
            "devices": [
                {"index": i, "id": f"core:{i}", "name": "core", "total_bytes": None, "cores": None}
                for i in range(cards)
            ],
            "samplers": [],
            "unavailable": {},
            "dialect": {"name": "sixdim", "class": "pytest_sixdim.dialects.sixdim:SixdimDialect", "options": {}},
            "log": {"stream": "both", "rank": 0, "file": None},
            "segments": 2,
            "limits": {"timeout": HANGS, "stall": HANGS / 2, "teardown": TEARDOWN},
            "card_lost": [],
            "device_error": [],
            "card_busy": [],
            **changes,
        }
        path = self.directory / "order.json"
        path.write_text(json.dumps(order))
        return path

    def start(self, source: str = "", /, cards: int = 1, **changes: Any) -> LocalHandle:
        """Start the agent."""
        return LocalLauncher().start(self.order(source, cards, **changes))

    def run(self, source: str = "", /, cards: int = 1, **changes: Any) -> dict[str, Any]:
        """Run to the end; the result. No process of the run may be left."""
        handle = self.start(source, cards, **changes)
        try:
            assert handle.wait(HANGS + TEARDOWN) is not None, "the agent did not end"
        finally:
            handle.kill()
        assert strays(handle.pid) == []
        return self.result()

    def result(self) -> dict[str, Any]:
        """result.json."""
        path = self.directory / "result.json"
        assert path.exists(), (self.node / "logs" / "agent.log").read_text()
        return dict(json.loads(path.read_text()))

    def events(self) -> list[dict[str, Any]]:
        """Events without the head."""
        return self.lines("events.jsonl")[1:]

    def lines(self, name: str) -> list[dict[str, Any]]:
        """All lines of a file of node-0."""
        return [json.loads(line) for line in (self.node / name).read_text().splitlines()]

    def printed(self, rank: int = 0, stream: str = "stdout") -> str:
        """What a rank printed; empty as long as it has no file."""
        path = self.node / "logs" / f"rank-{rank}.{stream}.log"
        return path.read_text(errors="replace") if path.exists() else ""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program may put the agent's clock forward: `put_clock_forward(seconds)`."""
    monkeypatch.setenv("PYTHONPATH", str(STANDIN.parent / "put_forward"))
    monkeypatch.setenv("PUT_FORWARD", str(tmp_path / "put-forward"))


def strays(agent: int) -> list[int]:
    """Processes that carry the mark of the agent with this process number."""
    mark = f"SIXDIM_JOB={agent}.".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def wait_for(condition: Any, seconds: float = HANGS) -> None:
    """Until `condition()` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def only_child(pid: int) -> int:
    """The one child of a process: the agent's launcher."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


#: Nothing of a run is left after any of them.
WAYS_TO_END = ("cancel", "launcher", "agent")


def end_in_one_way(job: Job, handle: Any, way: str) -> None:
    """Cancel a run, or kill its launcher or its agent; no process of it is left, and the result says what happened."""
    if way == "cancel":
        handle.cancel()
    elif way == "launcher":
        os.kill(only_child(handle.pid), signal.SIGKILL)
    else:
        handle.kill()
    assert handle.wait(HANGS) is not None
    wait_for(lambda: strays(handle.pid) == [])
    if way != "agent":
        assert job.result()["status"] == {"cancel": "cancelled", "launcher": "crashed"}[way]
