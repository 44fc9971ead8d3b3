"""pytest is told to end, or killed, in the middle of a run: no process stays, and what was measured is kept."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_sixdim.campaign.reading import read_run
from tests.faults.conftest import Bench, left, until
from tests.faults.sessions import ONE, case, leftovers, printed, start, verdicts

OPTIONS = ("-v", "--sixdim-runs", "3", "--junitxml=junit.xml")


def in_its_second_run(bench: Bench) -> Callable[[], bool]:
    """Write a case whose second run waits for ever; the answer says whether it does."""
    go = bench.path / "go"
    case(bench, "tiny", "--disk", "keep", "--go", str(go), stall="10 min", timeout="20 min")
    return Path(f"{go}.ready").exists


def free(folder: Path) -> bool:
    """Whether nobody holds a lock in it."""
    for path in folder.glob("*.lock"):
        with path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
    return True


def assert_reported(bench: Bench) -> None:
    """What was judged stands in scorecard, report and JUnit; the run is cancelled."""
    assert verdicts(bench.session)["accuracy"] == "pass"
    assert bench.result("full-1")["status"] == "completed"
    assert bench.result("full-2")["status"] == "cancelled"
    assert "98.00" in (bench.session / "report.md").read_text()
    names = [element.get("name", "") for element in ElementTree.parse(bench.path / "junit.xml").iter("testcase")]
    assert any(name.startswith("test_accuracy") for name in names)
    assert leftovers(bench.session) == []


@pytest.mark.parametrize("numbers", [[signal.SIGTERM] * 3, [signal.SIGINT] * 2], ids=["SIGTERM", "SIGINT"])
def test_a_signal_ends_the_run_and_what_was_judged_is_reported(bench: Bench, numbers: list[signal.Signals]) -> None:
    token = f"told-{os.getpid()}"
    ready = in_its_second_run(bench)
    process = start(bench, token, *OPTIONS)
    until(ready, "the second run to begin")
    for number in numbers:
        process.send_signal(number)
    assert process.wait(240) == pytest.ExitCode.INTERRUPTED
    until(lambda: not left(token), "every process to end")
    until((bench.session / "tiny" / ONE / "full-2" / "result.json").exists, "the agent's last word")
    assert_reported(bench)
    text = printed(bench)
    assert "KeyboardInterrupt" in text
    if numbers[0] != signal.SIGINT:
        assert f"{numbers[0].name}: the session was told to end" in text
    assert "six dimensions" in text
    assert f"interrupted: the same command with --sixdim-resume {bench.session.name} goes on from here" in text


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # a worker of pytest-xdist has threads
def test_a_terminal_that_is_closed_ends_the_run_and_what_was_judged_is_reported(bench: Bench) -> None:
    token = f"closed-{os.getpid()}"
    ready = in_its_second_run(bench)
    command = [sys.executable, "-m", "pytest", "--sixdim", "--sixdim-python", str(bench.python), *OPTIONS]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(bench.path)
        os.execve(command[0], command, {**os.environ, "TOKEN_OF_THIS_TEST": token})
    try:
        until(ready, "the second run to begin")
    finally:
        os.close(terminal)
    os.waitpid(child, 0)
    until(lambda: not left(token), "every process to end")
    assert_reported(bench)


def test_a_killed_session_leaves_whole_files_and_free_cards_and_can_be_resumed(bench: Bench) -> None:
    token = f"killed-{os.getpid()}"
    ready = in_its_second_run(bench)
    process = start(bench, token, *OPTIONS)
    until(ready, "the second run to begin")
    process.kill()
    process.wait()
    until(lambda: not left(token), "every process to end")
    until(lambda: free(bench.path / "sixdim"), "the cards to come free")
    killed = bench.session
    assert verdicts(killed)["accuracy"] == "pass"
    assert read_run(killed / "tiny" / ONE / "full-1").result.finished
    assert not (killed / "report.html").exists()
    assert not (bench.path / "junit.xml").exists()
    assert leftovers(killed) == []
    printed(bench)
    (bench.path / "go").touch()
    result = bench.run(*OPTIONS, "--sixdim-resume", "last")
    assert result.ret == 0
    assert verdicts(bench.session)["stability"] is not None
    assert verdicts(bench.session)["accuracy"] == "pass"


def test_a_signal_that_is_ignored_stays_ignored(bench: Bench) -> None:
    """As under nohup."""
    case(bench, "tiny", "--disk", "keep")
    (bench.path / "conftest.py").write_text(
        "import os, signal\n"
        "def pytest_sixdim_run_started(run):\n"
        "    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
    )
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        result = bench.run("-k", "accuracy")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert result.ret == 0
    assert bench.result("full-1")["status"] == "completed"


def test_without_sixdim_no_signal_is_taken(bench: Bench) -> None:
    (bench.path / "test_other.py").write_text(
        "import signal\ndef test_other():\n    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL\n"
    )
    assert bench.run("test_other.py", sixdim=False).ret == 0
