"""Faults of the training program, each in the second run of a campaign whose first was well."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.conftest import HANGS, Job
from tests.faults.conftest import Campaign

GROUPS = Path("/sys/fs/cgroup")
LIMIT = 64 * 2**20
WELL = ["start", "warmup_end", *["segment"] * 5, "evaluation", "end"]


def failed(campaign: Campaign, status: str, message: str) -> None:
    """The second run ended so, its test says so, and the first run and its figures are what they were."""
    result = campaign.result("full-2")
    assert (result["status"], result["message"]) == (status, message)
    assert message in campaign.text
    assert campaign.dimension("stability")["verdict"] == "fail"
    assert campaign.result("full-1")["status"] == "completed"
    assert campaign.events("full-1") == WELL
    assert campaign.dimension("speed")["verdict"] == "unjudged"


def test_rank_killed(campaign: Campaign) -> None:
    campaign.case("sigkill", cards=2)
    campaign.run()
    failed(campaign, "crashed", "rank 1 was killed by SIGKILL")


def test_rank_stopped_while_its_peer_waits(campaign: Campaign) -> None:
    campaign.case("peer_stops", cards=2, stall="15 s")
    campaign.run()
    failed(campaign, "stalled", "no line from any rank for 15 s")


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs torch")
@pytest.mark.parametrize(
    ("seconds", "status", "message"),
    [(600, "stalled", "no line from any rank for 15 s"), (8, "crashed", "a collective timed out: rank 0 ")],
)
def test_rank_hangs_in_a_collective_of_torch(job: Job, seconds: int, status: str, message: str) -> None:
    """Its peer is stopped; gloo gives up after `seconds`, or the agent does before.

    From its first breath on the program says that it loads torch: that takes long on a busy machine.
    """
    result = job.run(
        f"""
        import threading
        ready = threading.Event()
        def tick():
            while not ready.wait(0.2):
                print("loading")
        threading.Thread(target=tick, daemon=True).start()
        import datetime, torch, torch.distributed as dist
        meet = {{"init_method": "file://" + os.path.abspath("meet"), "rank": RANK, "world_size": 2}}
        dist.init_process_group("gloo", timeout=datetime.timedelta(seconds={HANGS}), **meet)
        group = dist.new_group([0, 1], timeout=datetime.timedelta(seconds={seconds}))
        value = torch.ones(1)
        dist.all_reduce(value)
        window(1)
        ready.set()
        if RANK == 1:
            os.kill(os.getpid(), signal.SIGSTOP)
        dist.all_reduce(value, group=group)
        """,
        cards=2,
        limits={"timeout": HANGS, "stall": HANGS if seconds == 8 else 15.0, "teardown": 1.0},
    )
    assert result["status"] == status
    assert result["message"].startswith(message)
    assert [event["event"] for event in job.events()][-1] == "segment"


def test_rank_leaves_in_the_middle(campaign: Campaign) -> None:
    campaign.case("leaves", cards=2)
    campaign.run()
    failed(campaign, "crashed", "rank 1 ended with exit code 0 in the middle of training, before its peers")


def test_only_rank_exits_0_without_having_finished(campaign: Campaign) -> None:
    campaign.case("leaves")
    campaign.run()
    failed(campaign, "no_end", "the program ended without saying so: no 'end' event")


def test_memory_limit_of_the_process(campaign: Campaign) -> None:
    campaign.case("memory_error", cards=2)
    campaign.run()
    failed(campaign, "out_of_memory", "rank 1 exited with code 1: MemoryError")


def test_memory_of_the_card(campaign: Campaign) -> None:
    campaign.case("cuda_memory", cards=2)
    campaign.run()
    said = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB."
    failed(campaign, "out_of_memory", f"rank 1 exited with code 1: {said} GPU 1 has a total capacity of 139 GiB")


@pytest.fixture
def control_group() -> Iterator[Path]:
    """A control group with a memory limit."""
    for base, limit in ((GROUPS / "memory", "memory.limit_in_bytes"), (GROUPS, "memory.max")):
        place = base / f"sixdim-test-{os.getpid()}"
        try:
            place.mkdir()
        except OSError:
            continue
        try:
            (place / limit).write_text(str(LIMIT))
            yield place
            return
        except OSError:
            continue
        finally:
            place.rmdir()
    pytest.skip("no control group with a memory limit can be made here")


def test_memory_of_the_host(campaign: Campaign, control_group: Path) -> None:
    campaign.case("oom_killer", "--place", str(control_group), cards=2)
    campaign.run()
    failed(campaign, "out_of_memory", "rank 1 was killed by SIGKILL")


def test_two_hundred_children_are_left(campaign: Campaign) -> None:
    campaign.case("children")
    campaign.run()
    assert campaign.result("full-2")["status"] == "completed"
    assert campaign.events("full-2") == WELL
    assert campaign.dimension("stability")["verdict"] != "fail"
