"""Agents that do not start or do not end, and hooks of the user's that fail. test_agent.py has one that hangs."""

from __future__ import annotations

import os

import pytest

from pytest_sixdim.launchers.local import LocalHandle
from tests.faults.conftest import Bench, left
from tests.faults.sessions import ONE, case, printed, start

#: The waits of a session, so short that a test can wait for them.
HURRY = """\
from pytest_sixdim.campaign import launching
launching.PATIENCE, launching.LOOK = {patience}, 0.2
"""
#: A dialect whose module keeps the agent from exiting: the interpreter waits for its thread.
CLINGING = """\
import threading, time
from pytest_sixdim.dialects.sixdim import SixdimDialect
class Clinging(SixdimDialect):
    def __init__(self):
        super().__init__()
        threading.Thread(target=time.sleep, args=(600,)).start()
"""


def test_an_agent_that_wrote_its_result_and_does_not_end_is_not_waited_for(bench: Bench) -> None:
    token = f"clinging-{os.getpid()}"
    case(bench, "tiny", "--disk", "keep", timeout="10 min")
    path = bench.cases / "tiny.case.yaml"
    path.write_text(path.read_text().replace("measure:", "log: {format: clinging}\nmeasure:"))
    (bench.path / "clinging.py").write_text(CLINGING)
    (bench.path / "conftest.py").write_text(
        HURRY.format(patience=0.5)
        + "from pytest_sixdim.campaign import orders\norders.TEARDOWN = 0.5\n"
        + "def pytest_sixdim_dialects():\n    return {'clinging': 'clinging:Clinging'}\n"
    )
    bench.pytester.makepyprojecttoml('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    env = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(bench.path), env]))
    try:
        process = start(bench, token, "-k", "accuracy")
        assert process.wait(240) == 0
    finally:
        os.environ["PYTHONPATH"] = env
    assert left(token) == []
    assert bench.result("full-1")["status"] == "completed"
    text = printed(bench)
    assert "it had written its result and did not end for 1 s, and was killed" in text


def test_an_agent_that_cannot_be_started_fails_its_runs_one_by_one(bench: Bench) -> None:
    case(bench, "tiny", "--disk", "keep")
    (bench.path / "conftest.py").write_text(
        "import sys\ndef pytest_sixdim_run_started(run):\n    sys.executable = '/nowhere/python'\n"
    )
    result = bench.run("-k", "stability", "--sixdim-runs", "2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    message = "the agent could not be started: /nowhere/python: No such file or directory"
    for run in ("full-1", "full-2"):
        found = bench.result(run)
        assert (found["status"], found["fault"], found["message"]) == ("launch_error", "host", message)
    text = result.stdout.str()
    assert "Traceback" not in text
    assert f"full-1 could not be launched: {message}" in text


def test_an_agent_that_the_kernel_does_not_let_go_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process can be made unkillable here; this one is waited for, but SIGKILL never reaches it."""
    import subprocess

    monkeypatch.setattr("pytest_sixdim.launchers.local.KILL_PATIENCE", 0.2)
    process = subprocess.Popen(["sleep", "600"], stdin=subprocess.PIPE)
    reached = process.kill
    monkeypatch.setattr(process, "kill", lambda: None)
    handle = LocalHandle(process)
    try:
        assert handle.kill() is False
        assert handle.poll() is None
        monkeypatch.setattr(process, "kill", reached)
        monkeypatch.setattr("pytest_sixdim.launchers.local.KILL_PATIENCE", 30.0)
        assert handle.kill() is True
    finally:
        reached()
        process.wait()


def test_a_hook_that_fails_with_an_error_of_the_network_keeps_its_traceback_and_the_run(bench: Bench) -> None:
    case(bench, "tiny", "--disk", "keep")
    (bench.path / "conftest.py").write_text(
        "told = []\n"
        "def pytest_sixdim_run_finished(run):\n"
        "    told.append(run)\n"
        "    raise ConnectionError('the dashboard is down')\n"
    )
    result = bench.run("-k", "accuracy or memory")
    text = result.stdout.str()
    assert "conftest.py:4: ConnectionError" in text
    assert bench.result("full-1")["status"] == "completed"
    assert "is lost" not in text
    assert result.parseoutcomes().get("passed", 0) + result.parseoutcomes().get("unjudged", 0) >= 1


def test_a_folder_for_locks_that_cannot_be_made_is_told_before_any_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    case(bench, "tiny", "--disk", "keep")
    (bench.path / "sixdim").write_text("")
    result = bench.run("-k", "accuracy")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: *{bench.path}/sixdim*"])
    assert not (bench.session / "tiny" / ONE).exists()
