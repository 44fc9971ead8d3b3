"""Ranks under msrun: a stand-in for MindSpore's launcher, and a few real launches, which take seconds each."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.command import prepare
from pytest_sixdim.agent.order import read_order
from tests.agent.conftest import SHORT_TEARDOWN, WAYS_TO_END, Job, end_in_one_way, wait_for
from tests.frameworks import interpreter
from tests.programs import msrun_standin

#: The scheduler ends with the ranks, as MindSpore's `init` has it: here, when they have left a file each.
SCHEDULER = """
if os.environ["MS_ROLE"] == "MS_SCHED":
    print("the scheduler", sys.argv[1:])
    while not all(os.path.exists(f"ready-{rank}") for rank in range(int(os.environ["MS_WORKER_NUM"]))):
        time.sleep(0.02)
    sys.exit()
"""

#: What MindSpore prints where it meets its peers: the ranks sum up their numbers.
MEETING = """
import mindspore as ms, numpy as np
from mindspore.communication import init
ms.set_device("CPU")
init()
print("sum", ms.ops.AllReduce()(ms.Tensor(np.full(1, RANK + 1, np.float32))).asnumpy()[0])
"""


def stand_in(job: Job) -> dict[str, Any]:
    path = msrun_standin.write(job.directory / "packages")
    return {"launch": "msrun", "python": sys.executable, "environment": {"PYTHONPATH": path}}


def real() -> dict[str, Any]:
    return {"launch": "msrun", "python": interpreter("mindspore")}


def test_every_rank_has_its_log_and_the_scheduler_is_no_rank(job: Job) -> None:
    result = job.run(
        SCHEDULER
        + """
print(RANK, os.environ["OMP_NUM_THREADS"], sys.argv[1:], sys.executable)
if RANK == 0:
    window()
    event("end", status="success")
ready()
""",
        cards=2,
        args=["--lr", "0.1"],
        **stand_in(job),
    )
    assert result["status"] == "completed"
    expected = [f"{rank} 1 ['--lr', '0.1'] {sys.executable}" for rank in range(2)]
    assert [job.printed(rank).splitlines()[0] for rank in range(2)] == expected
    assert sorted(path.name for path in (job.node / "ranks").iterdir()) == ["rank-0.json", "rank-1.json"]
    said = (job.node / "logs" / "msrun" / "scheduler.log").read_text()
    assert said == "the scheduler ['--lr', '0.1']\n"
    assert [event["event"] for event in job.events()] == ["start", "warmup_end", "segment", "segment", "end"]


def test_one_card_is_launched_alike(job: Job) -> None:
    source = SCHEDULER + 'print(os.environ["RANK_SIZE"])\nevent("end", status="success")\nready()'
    assert job.run(source, cards=1, **stand_in(job))["status"] == "completed"
    assert job.printed().splitlines()[0] == "1"


def test_the_rank_that_failed_is_named_though_the_scheduler_waits(job: Job) -> None:
    source = 'if os.environ["MS_ROLE"] == "MS_WORKER" and RANK == 1:\n    raise ValueError("boom")\ntime.sleep(600)'
    result = job.run(source, cards=2, limits=SHORT_TEARDOWN, **stand_in(job))
    assert (result["status"], result["rank"]) == ("crashed", 1)
    assert result["message"] == "rank 1 exited with code 1: ValueError: boom"


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_nothing_is_left_however_it_ends(job: Job, way: str) -> None:
    end_a_run(job, way, stand_in(job))


@pytest.mark.parametrize("way", ["cancel", "launcher"])
def test_nothing_is_left_of_the_real_one(job: Job, way: str) -> None:
    end_a_run(job, way, real())


def end_a_run(job: Job, way: str, launch: dict[str, Any]) -> None:
    source = (
        'subprocess.Popen(["sleep", "600"])\nif os.environ["MS_ROLE"] == "MS_WORKER":\n    ready()\ntime.sleep(600)'
    )
    handle = job.start(source, cards=2, **launch)
    wait_for(lambda: all((job.directory / "work" / f"ready-{rank}").exists() for rank in range(2)))
    end_in_one_way(job, handle, way)


def test_ranks_of_mindspore_meet(job: Job) -> None:
    source = MEETING + 'print(sys.argv[1:])\nif RANK == 0:\n    window()\n    event("end", status="success")'
    result = job.run(source, cards=2, args=["--log_dir", "x", "--join=False"], **real())
    assert result["status"] == "completed", result
    assert "['--log_dir', 'x', '--join=False']" in job.printed()
    assert ["sum 3.0" in job.printed(rank) for rank in range(2)] == [True, True]


def test_programs_find_no_path_that_is_there_for_msrun_only(job: Job) -> None:
    source = SCHEDULER + 'print(os.environ["PATH"])\nevent("end", status="success")\nready()'
    assert job.run(source, **stand_in(job))["status"] == "completed"
    assert job.printed().splitlines()[0] == os.environ["PATH"]


def test_every_run_has_a_port_of_its_own(job: Job, tmp_path: Path) -> None:
    order = read_order(job.order(cards=2, **stand_in(job)))
    prepared = []
    for name in ("one", "two"):
        (tmp_path / name / "pytest_sixdim").mkdir(parents=True)
        prepared.append(prepare(order, tmp_path / name, "job", os.environ))
    for one in prepared:
        one.launch.close()
    ports = [word.partition("=")[2] for one in prepared for word in one.command if word.startswith("--master_port=")]
    assert len(set(ports)) == 2
    for port in ports:
        with socket.socket() as server:
            server.bind(("127.0.0.1", int(port)))


def test_without_mindspore_it_says_what_is_missing_where(job: Job) -> None:
    result = job.run(launch="msrun", python=sys.executable, environment={"PYTHONPATH": None})
    assert (result["status"], result["fault"]) == ("launch_error", "host")
    assert result["message"] == (
        f"no rank started: {sys.executable} has no module mindspore, which 'launch: msrun' needs; "
        "install it there, or name another interpreter with --sixdim-python"
    )
