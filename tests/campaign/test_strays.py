"""What killed runs leave: real processes that carry the mark of an agent, dead or alive."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_sixdim.agent.processes import job_mark, namespace, scratch_prefix
from pytest_sixdim.campaign import strays
from pytest_sixdim.campaign.strays import Strays, end_strays, find_strays
from pytest_sixdim.samplers.process_tree import look

GONE = "1.1"
#: Says that it is there, and stays; "stubborn" does not go when it is asked to.
STAY = """\
import pathlib, signal, subprocess, sys, time
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for kind in sys.argv[2:]:
    if kind in ("session", "bare"):
        environment = {} if kind == "bare" else None
        command = [sys.executable, "-c", "import time\\nprint(flush=True)\\ntime.sleep(600)"]
        child = subprocess.Popen(command, start_new_session=True, env=environment, stdout=subprocess.PIPE)
        child.stdout.readline()
        print(child.pid, flush=True)
print("up", flush=True)
time.sleep(600)
"""


class Left:
    """A process and its children."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.pids = [process.pid]
        while (line := process.stdout.readline().strip()) != "up":
            self.pids.append(int(line))
        self.pids.sort()

    @property
    def alive(self) -> list[int]:
        self.process.poll()
        found = [look(str(pid)) for pid in self.pids]
        return [process.pid for process in found if process is not None and process.state not in "ZX"]


@pytest.fixture
def leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Left]]:
    """Starts a process with a mark; kinds: "session" and "bare" children (a session of their own; without any
    environment), "stubborn"."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    started: list[Left] = []

    def leave(mark: str, *kinds: str, **environment: str) -> Left:
        command = [sys.executable, "-c", STAY, "train.py", *kinds]
        environ = {**os.environ, "SIXDIM_JOB": mark, **environment}
        started.append(Left(subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)))
        return started[-1]

    yield leave
    for left in started:
        for pid in left.alive:
            os.kill(pid, 9)
        left.process.communicate()


def test_where_nothing_was_left_nothing_is_found(leave: Callable[..., Left]) -> None:
    assert find_strays() == end_strays() == []


def test_processes_whose_agent_is_gone_are_found_and_ended_with_all_their_children(leave: Callable[..., Left]) -> None:
    left = leave(GONE, "session", "bare")
    assert [found.pids for found in find_strays()] == [tuple(left.pids)]
    assert left.alive == left.pids
    (found,) = end_strays()
    assert left.alive == []
    assert (found.mark, found.pids, found.stayed) == (GONE, tuple(left.pids), ())
    numbers = ", ".join(map(str, left.pids))
    assert found.sentence.startswith(f"3 processes of a killed run ({numbers}: {sys.executable} -c import pathlib,")
    assert found.sentence.endswith("...) were still there; ended")
    assert find_strays() == []


def test_each_killed_run_is_told_apart(leave: Callable[..., Left]) -> None:
    one, two = leave(GONE), leave("1.2")
    assert {found.mark: found.pids for found in end_strays()} == {GONE: tuple(one.pids), "1.2": tuple(two.pids)}


def test_who_does_not_go_when_asked_is_killed(leave: Callable[..., Left]) -> None:
    left = leave(GONE, "stubborn")
    (found,) = end_strays()
    assert found.stayed == ()
    assert left.alive == []
    assert left.process.wait() == -9


def test_a_run_whose_agent_lives_is_left_alone(leave: Callable[..., Left]) -> None:
    left = leave(job_mark(), "session")
    assert find_strays() == end_strays() == []
    assert left.alive == left.pids


def test_an_agents_number_that_is_another_processs_by_now_is_told_by_its_start(leave: Callable[..., Left]) -> None:
    left = leave(f"{os.getpid()}.1")
    assert [found.pids for found in end_strays()] == [tuple(left.pids)]


def test_an_agent_that_has_ended_and_was_not_waited_for_is_gone(leave: Callable[..., Left]) -> None:
    agent = subprocess.Popen(["true"])
    process = look(str(agent.pid))
    assert process is not None
    left = leave(f"{agent.pid}.{process.started}")
    deadline = time.monotonic() + 30
    while (now := look(str(agent.pid))) is not None and now.state != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [found.pids for found in end_strays()] == [tuple(left.pids)]
    agent.wait()


def test_a_child_of_a_stray_that_belongs_to_a_living_run_is_left_alone(leave: Callable[..., Left]) -> None:
    code = STAY.replace("env=environment", f"env={{'SIXDIM_JOB': {job_mark()!r}}}")
    environ = {**os.environ, "SIXDIM_JOB": GONE}
    command = [sys.executable, "-c", code, "train.py", "session"]
    left = Left(subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True))
    (child,) = (pid for pid in left.pids if pid != left.process.pid)
    try:
        assert [found.pids for found in end_strays()] == [(left.process.pid,)]
        assert left.alive == [child]
    finally:
        os.kill(child, 9)
        left.process.communicate()


def test_processes_of_sessions_with_other_locks_are_theirs(leave: Callable[..., Left], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    left = leave(GONE, XDG_RUNTIME_DIR=str(tmp_path / "other"))
    assert end_strays() == []
    assert left.alive == left.pids


@pytest.mark.parametrize("mark", ["", "1", "x.y", "1.1.1", "1.1x", "-1.1", "9" * 30 + ".1"])
def test_what_is_no_mark_marks_nothing(mark: str, leave: Callable[..., Left]) -> None:
    left = leave(mark, OTHER="SIXDIM_JOB=1.1")
    assert end_strays() == []
    assert left.alive == left.pids


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start processes of others")
def test_processes_of_other_users_are_theirs(leave: Callable[..., Left]) -> None:
    child = subprocess.Popen(["sleep", "600"], env={**os.environ, "SIXDIM_JOB": GONE}, user=65534)
    try:
        assert find_strays() == end_strays() == []
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_processes_whose_environment_cannot_be_read_are_left_alone(
    leave: Callable[..., Left], monkeypatch: pytest.MonkeyPatch
) -> None:
    left, really = leave(GONE), Path.read_bytes

    def read(path: Path) -> bytes:
        if path == Path(f"/proc/{left.process.pid}/environ"):
            raise PermissionError(13, "Permission denied")
        return really(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    assert end_strays() == []
    assert left.alive == left.pids


def test_processes_of_another_container_are_its_own(leave: Callable[..., Left]) -> None:
    """Their agent's number says nothing here."""
    unshare = ["unshare", "--pid", "--fork"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("no PID namespace can be made here")
    code = "import os, sys, time\nprint(os.getpid(), flush=True)\nsys.stdin.read()"
    command = [*unshare, "env", f"SIXDIM_JOB={GONE}", sys.executable, "-c", code]
    inside = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert inside.stdout is not None
    assert inside.stdout.readline() == "1\n"
    assert find_strays() == end_strays() == []
    inside.communicate("")
    assert inside.returncode == 0


def test_this_process_and_those_that_started_it_are_no_strays(tmp_path: Path) -> None:
    code = "from pytest_sixdim.campaign.strays import end_strays\nprint(end_strays())"
    environ = {**os.environ, "SIXDIM_JOB": GONE, "XDG_RUNTIME_DIR": str(tmp_path)}
    shell = ["sh", "-c", '"$0" -c "$1"; echo "shell goes on"', sys.executable, code]
    assert subprocess.run(shell, env=environ, capture_output=True, text=True).stdout == "[]\nshell goes on\n"


def test_a_process_that_cannot_be_ended_is_said(leave: Callable[..., Left], monkeypatch: pytest.MonkeyPatch) -> None:
    left = leave(GONE, "session")
    child = next(pid for pid in left.pids if pid != left.process.pid)
    really = os.kill
    monkeypatch.setattr(strays.os, "kill", lambda pid, number: None if pid == child else really(pid, number))
    monkeypatch.setattr(strays, "PATIENCE", 5.0)
    (found,) = end_strays()
    assert found.stayed == (child,)
    assert found.sentence.endswith(f"were still there; ended but for {child}, which would not go")
    monkeypatch.undo()
    os.kill(child, 9)


def test_sentences() -> None:
    assert Strays("1.1", (7,), "sleep 5").sentence == "1 process of a killed run (7: sleep 5) was still there; ended"
    many = Strays("1.1", tuple(range(1, 201)), "", stayed=tuple(range(1, 201)))
    assert many.sentence == (
        "200 processes of a killed run (1, 2, 3, 4, 5 and 195 more) were still there and would not end"
    )


def test_folders_of_processes_that_are_gone_are_removed_and_no_others(
    leave: Callable[..., Left], tmp_path: Path
) -> None:
    here = f"sixdim-scratch-{namespace()}-"
    names = [f"{here}1.1-abc", f"{here}{os.getpid()}.1-abc", f"{scratch_prefix()}abc", f"{here}nonsense"]
    names += ["sixdim-scratch-00000000.1-1.1-abc", "sixdim-0", "sixdim-abc"]
    for name in names:
        (tmp_path / name / "pytest_sixdim").mkdir(parents=True)
    (tmp_path / f"{here}1.1-link").symlink_to(tmp_path / "sixdim-abc")
    end_strays()
    left = {path.name for path in tmp_path.glob("sixdim-*")}
    assert left == {*names[2:], f"{here}1.1-link"}
    assert (tmp_path / "sixdim-abc" / "pytest_sixdim").is_dir()
