"""How torchrun is called, and what its ranks find in their environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pytest_sixdim.agent.command import PACKAGE, launch_environment, prepare, ship
from pytest_sixdim.agent.order import OrderError, read_order
from tests.agent.conftest import Job


def test_torchrun_starts_one_wrapped_rank_a_card_without_restarts(job: Job, tmp_path: Path) -> None:
    order = read_order(job.order(cards=2, args=["--lr", "0.1", "--standalone"], python=sys.executable))
    assert prepare(order, Path("/shipped"), "job", os.environ).command == [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nnodes=1",
        "--nproc-per-node=2",
        "--max-restarts=0",
        "--no-python",
        sys.executable,
        "-I",
        "-S",
        "/shipped/pytest_sixdim/rank.py",
        sys.executable,
        "-u",
        str(tmp_path / "program.py"),
        "--lr",
        "0.1",
        "--standalone",
    ]


@pytest.mark.parametrize("changes", [{"python": "/nowhere/python"}, {"program": None, "command": ["nowhere-at-all"]}])
def test_what_is_not_there_is_not_launched(job: Job, changes: dict[str, object]) -> None:
    with pytest.raises(OrderError, match="nowhere"):
        prepare(read_order(job.order(**changes)), Path("/shipped"), "job", os.environ)


def test_variables_of_an_outer_launch_do_not_reach_the_ranks(job: Job) -> None:
    outer = {
        "PATH": "/bin",
        "PET_NPROC_PER_NODE": "3",
        "TORCHELASTIC_RUN_ID": "x",
        "RANK": "1",
        "LOCAL_RANK": "1",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "a",
        "MASTER_PORT": "1",
        "GROUP_RANK": "0",
        "ROLE_RANK": "0",
        "SIXDIM_RUN": "another",
        "SIXDIM_SECRET": "x",
        "AWS_ROLE_ARN": "kept",
    }
    environment = launch_environment(read_order(job.order()), Path("/shipped"), "job", outer)
    assert {name for name in environment if name in outer} == {"PATH", "AWS_ROLE_ARN", "SIXDIM_RUN"}
    assert environment["SIXDIM_RUN"] == str(job.directory / "run.json")
    assert environment["SIXDIM_JOB"] == "job"


def test_the_order_sets_and_removes_variables(job: Job) -> None:
    order = read_order(job.order(environment={"A": "1", "B": None, "OMP_NUM_THREADS": "4"}))
    environment = launch_environment(order, Path("/shipped"), "job", {"B": "2", "C": "3"})
    assert (environment["A"], environment["C"], environment["OMP_NUM_THREADS"]) == ("1", "3", "4")
    assert "B" not in environment


@pytest.mark.parametrize(("cores", "threads"), [([None, None], "1"), ([[0], [1]], "1"), ([[0, 1, 2, 3], [4, 5]], "2")])
def test_threads_are_set_for_any_number_of_ranks(job: Job, cores: list[list[int] | None], threads: str) -> None:
    devices = [{"index": i, "id": str(i), "name": "core", "total_bytes": None, "cores": c} for i, c in enumerate(cores)]
    order = read_order(job.order(cards=2, devices=devices))
    environment = launch_environment(order, Path("/shipped"), "job", {"OMP_NUM_THREADS": "96"})
    assert environment["OMP_NUM_THREADS"] == threads


@pytest.mark.parametrize(
    ("path", "agent_path", "expected"),
    [
        (None, None, ["/shipped"]),
        ("/mine:/site", None, ["/shipped", "/mine", "/site"]),
        ("/site:/mine", "/site", ["/shipped", "/mine"]),
        ("/site:/site", "/site", ["/shipped", "/site"]),
        ("/mine:/site", "/site", ["/shipped", "/mine", "/site"]),
    ],
)
def test_the_ranks_do_not_inherit_what_was_added_to_pythonpath_for_the_agent(
    job: Job, path: str | None, agent_path: str | None, expected: list[str]
) -> None:
    outer = {"PYTHONPATH": path, "SIXDIM_AGENT_PATH": agent_path}
    given = {name: value for name, value in outer.items() if value is not None}
    environment = launch_environment(read_order(job.order()), Path("/shipped"), "job", given)
    assert environment["PYTHONPATH"].split(os.pathsep) == expected


def test_only_the_files_for_training_programs_are_shipped(tmp_path: Path) -> None:
    ship(tmp_path)
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    training = {f"training/{path.name}" for path in (PACKAGE / "training").glob("*.py")}
    assert {"training/__init__.py", "training/run.py", "training/loop.py"} <= training
    assert files == {f"pytest_sixdim/{name}" for name in ("__init__.py", "rank.py", "adapted.py", *training)}


def test_a_program_imports_the_shipped_training_helper_in_an_empty_directory(job: Job) -> None:
    result = job.run(
        """
        from pytest_sixdim import training
        import pytest_sixdim
        print(pytest_sixdim.__file__)
        print(os.getcwd(), os.listdir())
        print(sys.argv[1:], os.environ["OMP_NUM_THREADS"])
        event("end", status="success")
        """,
        args=["--seed", "1"],
    )
    assert result["status"] == "completed"
    package, work, arguments = job.printed().splitlines()[:3]
    assert Path(package).parent.parent.name.startswith("sixdim-")
    assert not Path(package).exists()
    assert work == f"{job.directory / 'work'} []"
    assert arguments == "['--seed', '1'] 1"


def test_a_program_is_started_where_the_order_says_and_that_is_never_made(job: Job) -> None:
    there = job.directory / "there"
    source = 'print(os.getcwd())\nevent("end", status="success")'
    missing = job.run(source, directory=str(there))
    assert (missing["status"], missing["fault"]) == ("launch_error", "host")
    assert f"'directory': no such directory: {there}" in missing["message"]
    assert not there.exists()
    there.mkdir()
    assert job.run(source, directory=str(there))["status"] == "completed"
    assert job.printed().splitlines()[0] == str(there)
