"""No process of a run survives it, whatever ends."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_sixdim.agent.processes import oom_kills, reap
from pytest_sixdim.samplers.process_tree import look, processes
from tests.agent.conftest import HANGS, Job, strays, wait_for

#: Children in their own sessions, one of which is an orphan that ignores SIGTERM.
CHILDREN = """
subprocess.Popen(["sleep", "600"], start_new_session=True)
subprocess.Popen(["setsid", "sh", "-c", "(trap '' TERM; sleep 600; sleep 600) & exit"]).wait()
event("start", role="full", world_size=1, data="real")
"""


@pytest.mark.parametrize(
    "end",
    [
        "sys.exit(3)",
        "os.kill(os.getpid(), signal.SIGKILL)",
        "put_clock_forward(10_000)\ntime.sleep(600)",
        'event("end", status="success")',
    ],
    ids=["exit", "kill", "timeout", "success"],
)
@pytest.mark.usefixtures("clock")
def test_children_in_sessions_of_their_own_are_gone_after_every_end(job: Job, end: str) -> None:
    handle = job.start(CHILDREN + end)
    assert handle.wait(HANGS) is not None
    assert len(job.events()) >= 1
    assert strays(handle.pid) == []


def test_two_hundred_children_are_gone(job: Job) -> None:
    handle = job.start('for _ in range(200):\n    subprocess.Popen(["sleep", "600"])\nprint("up")\ntime.sleep(600)')
    wait_for(lambda: job.printed() == "up\n")
    assert len(strays(handle.pid)) > 200
    handle.cancel()
    assert handle.wait(HANGS) == 1
    assert strays(handle.pid) == []


def test_processes_that_start_others_when_they_are_told_to_end_are_gone(job: Job) -> None:
    handle = job.start(
        """
        def multiply(*_):
            for _ in range(5):
                subprocess.Popen(["sleep", "600"], start_new_session=True)
        signal.signal(signal.SIGTERM, multiply)
        print("up", flush=True)
        while True:
            time.sleep(0.1)
        """
    )
    wait_for(lambda: job.printed() == "up\n")
    handle.cancel()
    assert handle.wait(HANGS) == 1
    assert strays(handle.pid) == []


def test_a_process_whose_first_thread_has_ended_is_gone_too(job: Job) -> None:
    """proc(5) calls it a zombie, though it works on and nobody can wait for it."""
    end_of_a_thread = {"x86_64": 60, "aarch64": 93}.get(platform.machine())
    if end_of_a_thread is None:
        pytest.skip("the number of exit(2) is not known here")
    thread = "threading.Thread(target=time.sleep, args=(600,)).start()"
    source = f"import ctypes, threading, time; {thread}; ctypes.CDLL(None).syscall({end_of_a_thread}, 0)"
    handle = job.start(
        f"""
        window()
        child = subprocess.Popen([sys.executable, "-c", "{source}"])
        wait_for(f"/proc/{{child.pid}}/stat", ") Z ")
        wait_for(f"/proc/{{child.pid}}/status", "Threads:\\t2")
        open("child", "w").write(str(child.pid))
        event("end", status="success")
        """
    )
    try:
        assert handle.wait(HANGS) == 0
    finally:
        handle.kill()
    assert look((job.directory / "work" / "child").read_text()) is None


def test_the_ranks_end_when_the_agent_is_killed(job: Job) -> None:
    handle = job.start("window()\nwhile True:\n    time.sleep(0.1)", cards=2)
    wait_for(lambda: (job.node / "ranks" / "rank-1.json").exists() and len(strays(handle.pid)) >= 5)
    handle.kill()
    wait_for(lambda: strays(handle.pid) == [])
    assert not (job.directory / "result.json").exists()


def test_the_agent_ends_the_run_when_its_caller_is_killed(job: Job) -> None:
    order = job.order("window()\nwhile True:\n    time.sleep(0.1)", cards=2)
    caller = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from pytest_sixdim.launchers import launcher\n"
            "print(launcher('local').start(Path(sys.argv[1])).pid, flush=True); time.sleep(600)",
            str(order),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert caller.stdout is not None
    agent = int(caller.stdout.readline())
    wait_for((job.node / "ranks" / "rank-1.json").exists)
    caller.kill()
    caller.communicate()
    wait_for((job.directory / "result.json").exists)
    assert job.result()["status"] == "cancelled"
    assert strays(agent) == []


def test_orphans_of_the_run_are_waited_for_while_it_goes_on(job: Job) -> None:
    handle = job.start(
        """
        for _ in range(20):
            subprocess.Popen(["sh", "-c", "true &"]).wait()
        print("up", flush=True)
        time.sleep(600)
        """
    )
    wait_for(lambda: job.printed() == "up\n")
    wait_for(lambda: ("Z", handle.pid) not in [(process.state, process.parent) for process in processes()])
    handle.cancel()
    assert handle.wait(HANGS) == 1


def test_the_exit_code_of_a_samplers_own_tool_is_left_to_the_sampler() -> None:
    tool = subprocess.Popen(["sh", "-c", "exit 7"])
    launcher = subprocess.Popen(["sh", "-c", "exit 8"], start_new_session=True)
    orphan = subprocess.Popen(["sh", "-c", "exit 9"], start_new_session=True)
    for process in (tool, launcher, orphan):
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    reap(but=launcher.pid)
    assert tool.wait() == 7
    reap(but=launcher.pid)
    assert launcher.wait() == 8
    reap(but=0)
    assert not Path(f"/proc/{orphan.pid}").exists()
    orphan.wait()


def test_a_disk_too_full_for_the_first_line_of_events_launches_nothing(job: Job) -> None:
    job.node.mkdir()
    (job.node / "events.jsonl").symlink_to("/dev/full")
    handle = job.start("window()\ntime.sleep(600)", cards=2)
    assert handle.wait(HANGS) == 2
    result = job.result()
    assert (result["status"], result["fault"]) == ("launch_error", "host")
    assert result["message"].endswith("events.jsonl: No space left on device")
    assert strays(handle.pid) == []


def test_a_disk_that_fills_up_under_the_samples_does_not_end_the_run_before_its_end(job: Job) -> None:
    job.node.mkdir()
    (job.node / "samples.jsonl").symlink_to("/dev/full")
    handle = job.start('window()\nevent("end", status="success")')
    assert handle.wait(HANGS) == 0
    assert "No space left on device" in job.result()["sampler"]["ended"]
    assert [event["event"] for event in job.events()][-1] == "end"
    assert strays(handle.pid) == []


def test_oom_kills_are_counted_in_the_own_control_group_first(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    assert oom_kills(tmp_path, tmp_path) is None
    (tmp_path / "vmstat").write_text("nr_free_pages 1\noom_kill 7\n")
    assert oom_kills(tmp_path, tmp_path) == 7
    (tmp_path / "self" / "cgroup").write_text("0::/pod/training\n")
    (tmp_path / "pod" / "training").mkdir(parents=True)
    (tmp_path / "pod" / "training" / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert oom_kills(tmp_path, tmp_path) == 2


def test_a_kernel_without_the_counter_is_asked_in_vain_only_where_it_has_none() -> None:
    assert (oom_kills() is None) == ("oom_kill" not in Path("/proc/vmstat").read_text())


def test_the_mark_of_a_run_names_the_agent_and_its_start(job: Job) -> None:
    job.run('print(os.environ["SIXDIM_JOB"], parent_of(parent_of(os.getppid())))\nevent("end", status="success")')
    mark, agent = job.printed().splitlines()[0].split()
    pid, started = mark.split(".")
    assert pid == agent
    assert int(started) > 0
    assert int(pid) != os.getpid()
