"""The real torchrun, with a torch that computes: few tests, because each launch takes seconds."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests.agent.conftest import SHORT_TEARDOWN, Job, strays, wait_for

pytestmark = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")


def test_two_ranks_complete(job: Job) -> None:
    result = job.run(
        """
        print(*(os.environ[name] for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "OMP_NUM_THREADS")))
        if RANK == 0:
            window()
            event("end", status="success")
        """,
        cards=2,
        python=sys.executable,
    )
    assert result["status"] == "completed"
    assert [job.printed(rank).splitlines()[0] for rank in range(2)] == ["0 0 2 1", "1 1 2 1"]
    assert [event["event"] for event in job.events()] == ["start", "warmup_end", "segment", "segment", "end"]


def test_a_crash_is_blamed_on_its_rank_and_not_on_the_peer_that_waits_for_it(job: Job) -> None:
    result = job.run(
        """
        import torch, torch.distributed as dist
        dist.init_process_group("gloo")
        value = torch.ones(1)
        dist.all_reduce(value)
        print("sum", value.item())
        if RANK == 1:
            raise ValueError("boom")
        dist.all_reduce(value)
        """,
        cards=2,
        python=sys.executable,
    )
    assert (result["status"], result["rank"]) == ("crashed", 1)
    assert result["message"] in (
        "rank 1 exited with code 1: ValueError: boom",
        "rank 1 was killed by SIGABRT: ValueError: boom",  # as torch 2.15 ends now and then
    )
    assert job.printed(0) == job.printed(1) == "sum 2.0\n"


def test_a_peer_that_ignores_sigterm_does_not_hold_the_run_for_torchruns_thirty_seconds(job: Job) -> None:
    result = job.run(
        """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        if RANK == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)
        """,
        cards=2,
        python=sys.executable,
        limits=SHORT_TEARDOWN,
    )
    assert (result["status"], result["rank"], result["signal"]) == ("crashed", 1, "SIGKILL")
    said = (job.node / "logs" / "launcher.log").read_text()
    assert "SIGTERM" in said
    assert "forcefully" not in said  # what it says when its thirty seconds are over


def test_the_ranks_end_when_the_agent_is_killed(job: Job) -> None:
    handle = job.start("window()\nwhile True:\n    time.sleep(0.1)", cards=2, python=sys.executable)
    wait_for((job.node / "ranks" / "rank-1.json").exists)
    handle.kill()
    wait_for(lambda: strays(handle.pid) == [])
