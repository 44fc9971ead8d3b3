"""What wraps a rank, run by itself as torchrun runs it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from pytest_sixdim.agent import rank
from tests.agent.conftest import wait_for
from tests.old_python import python38

OLD_PYTHON = python38()


class Wrapped:
    """A rank below a directory of its own."""

    def __init__(self, node: Path) -> None:
        self.node = node
        (node / "ranks").mkdir()
        (node / "logs").mkdir()

    def start(
        self,
        *command: str,
        cores: object = (None,),
        python: str = sys.executable,
        numbers: Mapping[str, str] = {"RANK": "3", "LOCAL_RANK": "0"},
        variables: object = (("RANK", "LOCAL_RANK"),),
    ) -> subprocess.Popen[bytes]:
        ours = {
            "SIXDIM_NODE": str(self.node),
            "SIXDIM_CORES": json.dumps(cores),
            "SIXDIM_RANK_VARIABLES": json.dumps(variables),
        }
        return subprocess.Popen(
            [python, "-I", "-S", rank.__file__, *command],
            env={**os.environ, **numbers, **ours},
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *command: str, cores: object = (None,), python: str = sys.executable) -> int:
        process = self.start(*command, cores=cores, python=python)
        assert process.communicate(timeout=30) == (b"", b"")
        return process.returncode

    def record(self) -> dict[str, object]:
        return dict(json.loads((self.node / "ranks" / "rank-3.json").read_text()))

    def printed(self, stream: str = "stdout") -> str:
        path = self.node / "logs" / f"rank-3.{stream}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def wrapped(tmp_path: Path) -> Wrapped:
    return Wrapped(tmp_path)


@pytest.mark.parametrize(
    "python",
    [
        sys.executable,
        pytest.param(
            str(OLD_PYTHON), marks=pytest.mark.skipif(OLD_PYTHON is None, reason="needs a Python 3.8"), id="3.8"
        ),
    ],
)
def test_a_rank_is_written_down_and_its_output_kept(wrapped: Wrapped, python: str) -> None:
    assert wrapped.run("sh", "-c", "echo out; echo error >&2; exit 3", python=python) == 3
    record = wrapped.record()
    assert (record["rank"], record["local_rank"], record["exit_code"], record["signal"]) == (3, 0, 3, None)
    assert isinstance(record["pid"], int)
    assert float(str(record["started"])) < float(str(record["ended"]))
    assert (wrapped.printed(), wrapped.printed("stderr")) == ("out\n", "error\n")


def test_the_wrapper_ends_by_the_signal_that_ended_the_program(wrapped: Wrapped) -> None:
    assert wrapped.run("sh", "-c", "kill -SEGV $$") == -signal.SIGSEGV
    assert (wrapped.record()["exit_code"], wrapped.record()["signal"]) == (None, "SIGSEGV")


def test_the_program_is_pinned_to_the_cores_of_its_card(wrapped: Wrapped) -> None:
    core = max(os.sched_getaffinity(0))
    show = "import os; print(sorted(os.sched_getaffinity(0)))"
    assert wrapped.run(sys.executable, "-c", show, cores=[[core]]) == 0
    assert wrapped.printed() == f"[{core}]\n"


def test_the_wrappers_own_variables_are_not_the_programs(wrapped: Wrapped) -> None:
    wrapped.run("env")
    assert "RANK=3\n" in wrapped.printed()
    assert not [line for line in wrapped.printed().splitlines() if line.startswith(("SIXDIM_NODE", "SIXDIM_CORES"))]


def test_a_program_that_cannot_be_started_says_why(wrapped: Wrapped) -> None:
    assert wrapped.run("/nowhere/train") == 127
    assert "cannot start /nowhere/train" in wrapped.printed("stderr")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_ranks_group_reaches_the_program_once(wrapped: Wrapped, number: signal.Signals) -> None:
    count = (
        "import signal, sys, time\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
        "    signal.signal(number, lambda number, frame: print(number, flush=True))\n"
        "print('up', flush=True)\n"
        "while True:\n"
        "    time.sleep(0.05)\n"
    )
    process = wrapped.start(sys.executable, "-c", count)
    try:
        wait_for(lambda: wrapped.printed() == "up\n")
        os.killpg(process.pid, number)
        wait_for(lambda: wrapped.printed() != "up\n")
        os.killpg(process.pid, number)
        wait_for(lambda: wrapped.printed().count("\n") == 3)
        assert wrapped.printed() == f"up\n{number:d}\n{number:d}\n"
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_the_program_ends_with_its_wrapper(wrapped: Wrapped) -> None:
    process = wrapped.start("sleep", "600")
    wait_for((wrapped.node / "ranks" / "rank-3.json").exists)
    pid = int(str(wrapped.record()["pid"]))
    process.kill()
    process.communicate()
    wait_for(lambda: ended(pid))


def test_a_rank_goes_on_where_its_record_cannot_be_written(wrapped: Wrapped) -> None:
    (wrapped.node / "ranks").rmdir()
    process = wrapped.start("sh", "-c", "exit 5")
    assert b"rank-3.json" in process.communicate(timeout=30)[1]
    assert process.returncode == 5


@pytest.mark.parametrize(
    ("variables", "numbers", "expected"),
    [
        ([["A_RANK", "A_LOCAL"], ["B_RANK", "B_LOCAL"]], {"A_RANK": "1", "A_LOCAL": "0", "B_RANK": "5"}, (1, 0)),
        ([["A_RANK", "A_LOCAL"], ["B_RANK", "B_LOCAL"]], {"B_RANK": "5", "B_LOCAL": "1"}, (5, 1)),
        ([["A_RANK", "A_LOCAL"]], {"A_RANK": "1"}, (1, 1)),
        ([], {"RANK": "7", "LOCAL_RANK": "7"}, (0, 0)),
    ],
    ids=["the first that is set", "the second", "without a local number", "one process"],
)
def test_a_rank_takes_its_numbers_from_its_launcher(
    wrapped: Wrapped, variables: object, numbers: dict[str, str], expected: tuple[int, int]
) -> None:
    process = wrapped.start("true", cores=(None, None), numbers=numbers, variables=variables)
    assert process.communicate(timeout=30) == (b"", b"")
    record = json.loads((wrapped.node / "ranks" / f"rank-{expected[0]}.json").read_text())
    assert (record["rank"], record["local_rank"]) == expected


def test_a_rank_without_a_number_is_not_started(wrapped: Wrapped) -> None:
    process = wrapped.start("echo", "started", numbers={}, variables=[["A_RANK", "A_LOCAL"], ["B_RANK", "B_LOCAL"]])
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, b"")
    assert b"sixdim: cannot tell which rank this is: the launcher sets none of A_RANK, B_RANK" in errors
    assert list((wrapped.node / "logs").iterdir()) == []


def test_msruns_scheduler_is_no_rank_and_prints_where_msrun_wants_it(wrapped: Wrapped) -> None:
    numbers = {"MS_ROLE": "MS_SCHED", "RANK": "0", "LOCAL_RANK": "0"}
    process = wrapped.start("sh", "-c", "echo scheduler; exit 3", numbers=numbers)
    assert process.communicate(timeout=30) == (b"scheduler\n", b"")
    assert process.returncode == 3
    assert [*(wrapped.node / "ranks").iterdir(), *(wrapped.node / "logs").iterdir()] == []


def test_what_the_program_started_ends_with_the_launcher(wrapped: Wrapped) -> None:
    """The launcher is a shell that starts the wrapper, and something that would outlive it."""
    pids = wrapped.node / "pids"
    script = f"sleep 600 & echo $! >> {pids}; wait"
    wrapper = shlex.join([sys.executable, "-I", "-S", rank.__file__, "sh", "-c", script])
    environment = {"SIXDIM_NODE": str(wrapped.node), "SIXDIM_CORES": "[null]", "SIXDIM_RANK_VARIABLES": "[]"}
    launcher = subprocess.Popen(
        ["sh", "-c", f"sleep 600 & echo $! >> {pids}; {wrapper} & wait"],
        env={**os.environ, **environment},
        start_new_session=True,
    )
    wait_for(lambda: pids.exists() and pids.read_text().count("\n") == 2)
    launcher.kill()
    launcher.wait()
    for pid in pids.read_text().split():
        wait_for(lambda pid=pid: ended(int(pid)))


def test_a_program_goes_on_where_only_the_launchers_thread_ended_that_started_it(wrapped: Wrapped) -> None:
    """The kernel tells a child that its parent is gone once that thread is (prctl(2))."""
    launcher = (
        "import subprocess, sys, threading, time\n"
        "starter = threading.Thread(target=subprocess.Popen, args=(sys.argv[1:],))\n"
        "starter.start()\n"
        "starter.join()\n"
        "time.sleep(600)\n"
    )
    environment = {"SIXDIM_NODE": str(wrapped.node), "SIXDIM_CORES": "[null]", "SIXDIM_RANK_VARIABLES": "[]"}
    record = wrapped.node / "ranks" / "rank-0.json"
    process = subprocess.Popen(
        [sys.executable, "-c", launcher, sys.executable, "-I", "-S", rank.__file__, "sh", "-c", "sleep 0.5; sleep 600"],
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        wait_for(record.exists)
        pid = json.loads(record.read_text())["pid"]
        children = Path(f"/proc/{pid}/task/{pid}/children")
        wait_for(lambda: b"sleep\x00600" in commands(children))
        assert "ended" not in json.loads(record.read_text())
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: ended(pid))


def commands(children: Path) -> bytes:
    """What the children of a process were started as."""
    found = b""
    for pid in children.read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found += Path(f"/proc/{pid}/cmdline").read_bytes()
    return found


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits for nothing but its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True
