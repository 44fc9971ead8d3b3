"""Any executable as one process that has all cards of the run."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.command import launch_environment, prepare
from pytest_sixdim.agent.order import OrderError, read_order
from pytest_sixdim.core.adapters import ADAPTERS
from pytest_sixdim.launchers.local import LocalLauncher
from tests.agent.conftest import HANGS, Job, strays, wait_for

ANY = {"launch": "command", "python": sys.executable}
SILENT = {"name": "silent", "class": "tests.agent.stand_ins:Silent", "options": {}}


def devices(*cores: list[int] | None) -> list[dict[str, Any]]:
    return [
        {"index": i, "id": f"core:{i}", "name": "core", "total_bytes": None, "cores": c} for i, c in enumerate(cores)
    ]


def script(job: Job, *argv: str, **changes: Any) -> dict[str, Any]:
    return job.run(program=None, command=list(argv), dialect=SILENT, **{**ANY, **changes})


def test_a_program_is_started_once_whatever_the_cards(job: Job) -> None:
    result = job.run(
        """
        print(sys.argv[1:], [name for name in os.environ if name.startswith(("RANK", "LOCAL_RANK", "WORLD_SIZE"))])
        print(os.environ["SIXDIM_RUN"])
        window()
        event("end", status="success")
        """,
        cards=2,
        args=["--seed", "1"],
        **ANY,
    )
    assert (result["status"], result["message"]) == ("completed", "the program said 'success'")
    assert job.printed().splitlines()[:2] == ["['--seed', '1'] []", str(job.directory / "run.json")]
    assert [path.name for path in (job.node / "ranks").iterdir()] == ["rank-0.json"]
    assert [event["event"] for event in job.events()] == ["start", "warmup_end", "segment", "segment", "end"]


def test_an_executable_beside_the_case_needs_no_python(job: Job) -> None:
    train = job.directory / "train"
    train.write_text('#!/bin/sh\necho "$@"; pwd\n')
    train.chmod(0o755)
    assert script(job, str(train), args=["--steps", "9"])["status"] == "completed"
    assert job.printed().splitlines() == ["--steps 9", str(job.directory / "work")]


def test_the_process_gets_the_cores_of_all_its_cards(job: Job) -> None:
    cores = sorted(os.sched_getaffinity(0))[:2]
    result = job.run(
        'print(sorted(os.sched_getaffinity(0)), os.environ["OMP_NUM_THREADS"])\nevent("end", status="success")',
        cards=2,
        devices=devices(cores[:1], cores[-1:]),
        **ANY,
    )
    assert result["status"] == "completed"
    together = sorted(set(cores))
    assert job.printed().splitlines()[0] == f"{together} {len(together)}"


def test_threads_are_those_of_all_cards(job: Job) -> None:
    order = read_order(job.order(cards=2, devices=devices([0, 1], [4, 5]), **ANY))
    environment = launch_environment(order, Path("/shipped"), "job", {})
    assert (environment["OMP_NUM_THREADS"], environment["SIXDIM_CORES"]) == ("4", "[[0, 1, 4, 5]]")


def test_cards_of_unknown_cores_pin_nothing(job: Job) -> None:
    order = read_order(job.order(cards=2, devices=devices([0], None), **ANY))
    environment = launch_environment(order, Path("/shipped"), "job", {})
    assert (environment["OMP_NUM_THREADS"], environment["SIXDIM_CORES"]) == ("1", "[null]")


def test_the_last_rank_is_the_only_one(job: Job) -> None:
    result = job.run(
        'window()\nevent("end", status="success")', cards=4, log={"stream": "both", "rank": "last", "file": None}, **ANY
    )
    assert result["status"] == "completed"
    assert len(job.events()) == 5


def test_there_is_no_rank_1(job: Job) -> None:
    with pytest.raises(OrderError, match=r"'log.rank' must be 'last', 'all' or a number below 1, not 1"):
        read_order(job.order(cards=2, log={"stream": "both", "rank": 1, "file": None}, **ANY))


def test_an_adapter_needs_torchrun(job: Job) -> None:
    adapter = {**asdict(ADAPTERS["ditorch"]), "framework": "torch_npu"}
    adapter["tool_modules"] = list(adapter["tool_modules"])
    with pytest.raises(OrderError, match="'adapter' needs 'launch: torchrun', not 'command'"):
        read_order(job.order(adapter=adapter, **ANY))


@pytest.mark.parametrize(
    ("source", "code", "signal", "message"),
    [
        ('raise ValueError("boom")', 1, None, "rank 0 exited with code 1: ValueError: boom"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", None, "SIGSEGV", "rank 0 was killed by SIGSEGV"),
    ],
)
def test_its_failure_is_the_runs(job: Job, source: str, code: int | None, signal: str | None, message: str) -> None:
    result = job.run(source, cards=2, **ANY)
    assert (result["status"], result["rank"], result["exit_code"], result["signal"]) == ("crashed", 0, code, signal)
    assert result["message"] == message


def test_a_program_that_ends_without_its_end_has_none(job: Job) -> None:
    assert job.run("window()", **ANY)["status"] == "no_end"


@pytest.mark.parametrize("way", ["cancel", "kill"])
def test_what_a_shell_script_started_ends_with_the_run(job: Job, way: str) -> None:
    started = job.directory / "started"
    path = job.order(program=None, command=["sh", "-c", f"sleep 600 & touch {started}; wait"], dialect=SILENT, **ANY)
    handle = LocalLauncher().start(path)
    wait_for(started.exists)
    getattr(handle, way)()
    assert handle.wait(HANGS) is not None
    wait_for(lambda: strays(handle.pid) == [])
    assert way == "kill" or job.result()["status"] == "cancelled"


def test_a_silent_program_stalls(job: Job) -> None:
    result = job.run("time.sleep(600)", limits={"timeout": HANGS, "stall": 1.0, "teardown": 1.0}, **ANY)
    assert result["status"] == "stalled"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("./train", r"'train.command': no such file: ./train in .*/work; a file beside the case is {case_dir}/train"),
        ("/nowhere/train", r"'train.command': no such file: /nowhere/train$"),
        ("no-such-thing", r"'train.command': no such program on PATH: 'no-such-thing'; a file beside the case is"),
        ("", r"'train.command': no such program on PATH: ''$"),
        ("PLAIN", r"'train.command': .*/plain is not executable; chmod \+x it"),
    ],
)
def test_what_cannot_be_started_names_the_cases_key(job: Job, command: str, message: str) -> None:
    plain = job.directory / "plain"
    plain.write_text("#!/bin/sh\n")
    order = read_order(job.order(program=None, command=[str(plain) if command == "PLAIN" else command], **ANY))
    with pytest.raises(OrderError, match=message):
        prepare(order, job.directory, "job", os.environ)
