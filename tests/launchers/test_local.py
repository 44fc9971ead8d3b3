"""The agent as a child of this process."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from pytest_sixdim.core.registry import RegistryError
from pytest_sixdim.launchers import launcher
from pytest_sixdim.launchers.local import LocalLauncher
from tests.agent.conftest import HANGS, Job, wait_for

FOREVER = "print('up', flush=True)\nwhile True:\n    time.sleep(0.1)"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def up(job: Job) -> bool:
    return job.printed() == "up\n"


def test_an_agent_is_started_asked_and_waited_for(job: Job) -> None:
    handle = launcher("local").start(job.order(FOREVER))
    wait_for(lambda: up(job))
    assert handle.poll() is None
    assert handle.wait(0.05) is None
    handle.cancel()
    handle.cancel()
    assert handle.wait(HANGS) == 1
    assert handle.poll() == 1
    assert job.result()["status"] == "cancelled"


def test_an_agent_can_be_killed_and_leaves_no_result(job: Job) -> None:
    handle = LocalLauncher().start(job.order(FOREVER))
    wait_for(lambda: up(job))
    handle.kill()
    assert handle.poll() == -9
    assert not (job.directory / "result.json").exists()


def test_a_descriptor_that_is_passed_stays_open_in_the_agent_and_not_in_the_ranks(job: Job) -> None:
    lease = os.open(job.directory / "lease", os.O_RDWR | os.O_CREAT)
    handle = LocalLauncher().start(job.order(FOREVER), pass_fds=(lease,))
    try:
        wait_for(lambda: up(job))
        holders = subprocess.run(["ls", "-l", f"/proc/{handle.pid}/fd"], capture_output=True, text=True).stdout
        assert str(job.directory / "lease") in holders
        ranks = (job.node / "ranks" / "rank-0.json").read_text()
        rank = int(ranks.partition('"pid": ')[2].partition(",")[0])
        held = subprocess.run(["ls", "-l", f"/proc/{rank}/fd"], capture_output=True, text=True).stdout
        assert held
        assert str(job.directory / "lease") not in held
    finally:
        handle.cancel()
        handle.wait(HANGS)
        os.close(lease)


def test_what_the_agent_prints_is_kept(tmp_path: Path) -> None:
    assert LocalLauncher().start(tmp_path / "order.json").wait(HANGS) == 2
    assert "No such file" in (tmp_path / "node-0" / "logs" / "agent.log").read_text()


def test_the_ranks_see_the_callers_pythonpath_and_no_more(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere:/else")
    assert job.run('print(os.environ["PYTHONPATH"])\nevent("end", status="success")')["status"] == "completed"
    assert job.printed().splitlines()[0].split(":")[1:] == ["/somewhere", "/else"]


def test_the_agent_has_a_session_of_its_own_so_that_ctrl_c_comes_to_the_caller_only(job: Job) -> None:
    handle = LocalLauncher().start(job.order(FOREVER))
    assert os.getsid(handle.pid) == handle.pid
    handle.cancel()
    handle.wait(HANGS)


def test_an_unknown_launcher_names_the_closest_and_all_known() -> None:
    with pytest.raises(RegistryError, match=r"unknown launcher 'locl'; did you mean 'local'\? known: local"):
        launcher("locl")
