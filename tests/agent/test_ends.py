"""Every way in which a run can end by itself, with real processes."""

from __future__ import annotations

import pytest

from tests.agent.conftest import HANGS, Job, strays


def test_a_run_that_says_success_is_completed(job: Job) -> None:
    result = job.run('window(); event("evaluation", value=98.0); event("end", status="success")', cards=2)
    assert (result["status"], result["ended_by"]) == ("completed", "program")
    assert result["message"] == "the program said 'success'"
    kinds = [event["event"] for event in job.events()]
    assert kinds == ["start", "warmup_end", "segment", "segment", "evaluation", "end"]
    assert {event["rank"] for event in job.events()} == {0}


def test_a_missed_target_is_no_crash(job: Job) -> None:
    assert job.run('window(); event("end", status="target_missed")')["status"] == "target_missed"


def test_a_program_that_says_it_failed_has_crashed(job: Job) -> None:
    result = job.run('event("end", status="failed")')
    assert (result["status"], result["message"]) == ("crashed", "the program said that it failed")


def test_exit_code_0_without_an_end_is_no_success(job: Job) -> None:
    result = job.run("window()", cards=2)
    assert result["status"] == "no_end"
    assert result["message"] == "the program ended without saying so: no 'end' event"


@pytest.mark.parametrize(
    ("fault", "exit_code", "signal", "message"),
    [
        ('raise ValueError("boom")', 1, None, "rank 1 exited with code 1: ValueError: boom"),
        ("sys.exit(3)", 3, None, "rank 1 exited with code 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", None, "SIGKILL", "rank 1 was killed by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", None, "SIGSEGV", "rank 1 was killed by SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGRTMIN + 3)", None, "SIG37", "rank 1 was killed by SIG37"),
    ],
)
def test_a_crashed_rank_is_named_with_its_own_exit(
    job: Job, fault: str, exit_code: int | None, signal: str | None, message: str
) -> None:
    result = job.run(f"if RANK == 1:\n    {fault}\ntime.sleep(60)", cards=2)
    assert result["status"] == "crashed"
    assert (result["rank"], result["exit_code"], result["signal"]) == (1, exit_code, signal)
    assert result["message"] == message
    assert result["ended_by"] == "program"


def test_a_peer_that_lost_its_connection_first_is_not_the_cause(job: Job) -> None:
    result = job.run(
        """
        if RANK == 0:
            wait_for("ready-1")
            raise RuntimeError("Connection closed by peer [127.0.0.1]:4711")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ready()
        wait_for("../node-0/ranks/rank-0.json", "ended")
        raise ValueError("the cause")
        """,
        cards=2,
    )
    assert (result["rank"], result["message"]) == (1, "rank 1 exited with code 1: ValueError: the cause")


def test_the_tail_holds_the_last_lines_of_the_rank_that_failed(job: Job) -> None:
    result = job.run(
        """
        for line in range(100):
            print("line", line)
        if RANK == 1:
            raise KeyError("missing")
        time.sleep(60)
        """,
        cards=2,
    )
    assert len(result["log_tail"]) == 40
    assert result["log_tail"][-1] == "KeyError: 'missing'"


def test_memory_that_runs_out_is_told_from_a_crash(job: Job) -> None:
    result = job.run('raise MemoryError("DefaultCPUAllocator: can\'t allocate memory: you tried 8 bytes")')
    assert result["status"] == "out_of_memory"
    assert result["rank"] == 0


def test_a_text_that_means_a_lost_card_is_told_from_a_crash(job: Job) -> None:
    result = job.run('print("NVRM: Xid 79, GPU has fallen off the bus"); sys.exit(1)', card_lost=["fallen off the bus"])
    assert result["status"] == "card_lost"


def test_a_rank_that_leaves_in_the_middle_of_training_is_the_cause_of_its_peers_failure(job: Job) -> None:
    result = job.run(
        """
        if RANK == 1:
            sys.exit(0)
        wait_for("../node-0/ranks/rank-1.json", "ended")
        raise RuntimeError("Connection closed by peer")
        """,
        cards=2,
    )
    assert (result["status"], result["rank"], result["exit_code"]) == ("crashed", 1, 0)
    assert "rank 0 exited with code 1: RuntimeError: Connection closed by peer" in result["message"]


def test_a_program_that_is_not_there_is_a_launch_error(job: Job) -> None:
    result = job.run(program=str(job.directory / "missing.py"))
    assert result["status"] == "launch_error"
    assert "missing.py" in result["message"]


def test_a_launcher_that_fails_is_a_launch_error_with_its_words(job: Job) -> None:
    broken = job.directory / "broken"
    broken.write_text('#!/bin/sh\necho "ImportError: libtorch.so: cannot open shared object file" >&2\nexit 1\n')
    broken.chmod(0o755)
    result = job.run(python=str(broken))
    assert result["status"] == "launch_error"
    assert result["message"] == (
        "no rank started; the launcher ended with code 1: ImportError: libtorch.so: cannot open shared object file"
    )
    assert result["log_tail"] == ["ImportError: libtorch.so: cannot open shared object file"]


def test_a_launcher_that_is_killed_takes_its_ranks_along_and_says_so(job: Job) -> None:
    result = job.run("if RANK:\n    os.kill(parent_of(os.getppid()), signal.SIGKILL)\ntime.sleep(60)", cards=2)
    assert result["status"] == "crashed"
    assert result["message"].endswith("the launcher was killed by signal 9")


def test_a_command_runs_in_the_place_of_a_program(job: Job) -> None:
    echo = ["sh", "-c", 'echo "[sixdim] {\\"event\\": \\"end\\", \\"status\\": \\"success\\"} $0"']
    assert job.run(program=None, command=echo, args=["argument"])["status"] == "completed"
    assert job.printed().endswith("argument\n")


def test_the_window_run_of_a_foreign_program_is_ended_after_its_last_segment(job: Job) -> None:
    result = job.run("window()\nwhile True:\n    time.sleep(0.1)", cards=2, role="window")
    assert (result["status"], result["ended_by"]) == ("completed", "agent")
    assert result["message"] == "the last counted segment came"
    assert result["seconds"] >= 2.0


def test_a_window_run_may_end_by_itself_within_the_grace(job: Job) -> None:
    source = """window()\nwait_for("../node-0/events.jsonl", '"index": 2')"""
    result = job.run(source, role="window")
    assert (result["status"], result["ended_by"]) == ("completed", "program")


def test_a_window_run_that_crashes_before_its_last_segment_has_crashed(job: Job) -> None:
    assert job.run("window(1)\ntime.sleep(0.2)\nsys.exit(4)", role="window")["exit_code"] == 4


def test_a_dialect_without_an_end_is_content_with_exit_code_0(job: Job) -> None:
    plain = {"name": "plain", "class": "tests.agent.stand_ins:Silent", "options": {}}
    result = job.run("print('training')", dialect=plain)
    assert (result["status"], result["message"]) == ("completed", "all ranks ended with exit code 0")


def test_no_process_is_left_after_success_either(job: Job) -> None:
    handle = job.start(
        """
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 600 & wait"], start_new_session=True)
        event("end", status="success")
        """,
        cards=2,
    )
    assert handle.wait(HANGS) == 0
    assert strays(handle.pid) == []
    assert job.result()["status"] == "completed"
