"""Ranks under PaddlePaddle's launcher; launches take seconds each."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.command import prepare
from pytest_sixdim.agent.order import read_order
from tests.agent.conftest import WAYS_TO_END, Job, end_in_one_way, wait_for
from tests.frameworks import interpreter

MEETING = """
import paddle, paddle.distributed as dist
dist.init_parallel_env()
value = paddle.full([1], RANK + 1.0)
dist.all_reduce(value)
print("sum", float(value[0]), os.environ["PADDLE_DISTRI_BACKEND"], os.environ["OMP_NUM_THREADS"])
"""


@pytest.fixture
def paddle() -> dict[str, Any]:
    """What an order needs for ranks under the real launcher."""
    return {"launch": "paddle", "python": interpreter("paddlepaddle"), "environment": {"CUDA_VISIBLE_DEVICES": None}}


def test_ranks_of_paddle_meet(job: Job, paddle: dict[str, Any]) -> None:
    source = MEETING + 'print(sys.argv[1:])\nif RANK == 0:\n    window()\n    event("end", status="success")'
    result = job.run(source, cards=2, args=["--log_dir", "x", "--nnodes=2"], **paddle)
    assert result["status"] == "completed", result
    assert "['--log_dir', 'x', '--nnodes=2']" in job.printed()
    assert ["sum 3.0 gloo 1\n" in job.printed(rank) for rank in range(2)] == [True, True]
    assert [event["event"] for event in job.events()] == ["start", "warmup_end", "segment", "segment", "end"]


def test_the_rank_that_failed_is_named_and_not_the_one_that_lost_it(job: Job, paddle: dict[str, Any]) -> None:
    source = MEETING + 'if RANK == 1:\n    raise ValueError("boom")\nwhile True:\n    dist.all_reduce(value)'
    result = job.run(source, cards=2, **paddle)
    assert (result["status"], result["rank"]) == ("crashed", 1)
    assert result["message"] == "rank 1 exited with code 1: ValueError: boom"


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_nothing_is_left_however_it_ends(job: Job, paddle: dict[str, Any], way: str) -> None:
    handle = job.start('subprocess.Popen(["sleep", "600"])\nready()\ntime.sleep(600)', cards=2, **paddle)
    wait_for(lambda: all((job.directory / "work" / f"ready-{rank}").exists() for rank in range(2)))
    end_in_one_way(job, handle, way)


def test_no_file_of_the_run_holds_the_environment(job: Job, paddle: dict[str, Any]) -> None:
    secret = {**paddle["environment"], "MY_TOKEN": "open-sesame"}
    job.run('event("end", status="success")', **{**paddle, "environment": secret})
    files = [path for path in job.directory.rglob("*") if path.is_file() and path.name != "order.json"]
    assert not [path for path in files if b"open-sesame" in path.read_bytes()]


def test_it_starts_once_and_asks_no_vendors_tool(job: Job) -> None:
    order = read_order(job.order(cards=2, launch="paddle", python=sys.executable))
    command = prepare(order, Path("/shipped"), "job", os.environ).command
    assert command[:12] == [
        *(sys.executable, "-m", "paddle.distributed.launch", "--nnodes", "1", "--nproc_per_node", "2"),
        *("--max_restart", "0", "--enable_gpu_log", "0", "--log_dir"),
    ]
    assert command[12:15] == ["/shipped/paddle", sys.executable, "-I"]


def test_without_paddle_it_says_what_is_missing_where(job: Job) -> None:
    result = job.run(launch="paddle", python=sys.executable)
    assert result["status"] == "launch_error"
    assert f"{sys.executable} has no module paddle, which 'launch: paddle' needs" in result["message"]
