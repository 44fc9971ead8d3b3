"""Ranks under mpirun: a real Open MPI where there is one, else a stand-in that behaves as MPICH's does."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.command import prepare
from pytest_sixdim.agent.launches import mpirun as module
from pytest_sixdim.agent.order import OrderError, read_order
from tests.agent.conftest import WAYS_TO_END, Job, end_in_one_way, wait_for

#: Plays MPICH's mpirun: its variables, its words; ends the others with SIGTERM where a rank fails.
HYDRA = """\
#!{python}
import os, signal, subprocess, sys
if sys.argv[1:] == ["--version"]:
    print("HYDRA build details:\\n    Version:    4.1")
    sys.exit()
option, count, *command = sys.argv[1:]
assert option == "-n"
ranks = [subprocess.Popen(command, env={{**os.environ, "PMI_RANK": str(rank), "PMI_SIZE": count,
                                         "MPI_LOCALRANKID": str(rank)}}) for rank in range(int(count))]
signal.signal(signal.SIGTERM, lambda *_: [rank.terminate() for rank in ranks])
code = 0
while any(rank.poll() is None for rank in ranks):
    if not code and any(rank.poll() for rank in ranks):
        code = 1
        for rank in ranks:
            rank.terminate()
    signal.sigtimedwait([signal.SIGCHLD], 0.05)
sys.exit(code)
"""

#: A program of MPI's, without its headers: sums over the ranks, then does what it is told.
MPI = """
import ctypes
mpi = ctypes.CDLL("libmpi.so.40", mode=ctypes.RTLD_GLOBAL)
world, double, total = (ctypes.byref(ctypes.c_char.in_dll(mpi, name))
                        for name in ("ompi_mpi_comm_world", "ompi_mpi_double", "ompi_mpi_op_sum"))
mpi.MPI_Init(None, None)
def reduce():
    mine, sum = ctypes.c_double(RANK + 1), ctypes.c_double()
    mpi.MPI_Allreduce(ctypes.byref(mine), ctypes.byref(sum), 1, double, total, world)
    return sum.value
print("sum", reduce(), os.environ["OMP_NUM_THREADS"])
"""


@pytest.fixture(params=["Open MPI", "MPICH stand-in"])
def ranks(request: pytest.FixtureRequest, job: Job) -> dict[str, Any]:
    """What an order needs for ranks under the one or the other."""
    if request.param == "Open MPI":
        return open_mpi()
    return stand_in(job.directory, HYDRA.format(python=sys.executable))


def open_mpi() -> dict[str, Any]:
    if shutil.which("mpirun") is None:
        pytest.skip("needs mpirun (Debian: openmpi-bin)")
    if "Open MPI" not in module._version("mpirun", os.environ):
        pytest.skip("this mpirun is not Open MPI's")
    return {"launch": "mpirun", "python": sys.executable}


def stand_in(directory: Path, source: str) -> dict[str, Any]:
    folder = directory / "bin"
    folder.mkdir()
    (folder / "mpirun").write_text(source)
    (folder / "mpirun").chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    return {"launch": "mpirun", "python": sys.executable, "environment": {"PATH": path}}


def test_every_rank_has_its_log_and_its_record(job: Job, ranks: dict[str, Any]) -> None:
    result = job.run(
        """
        print(RANK, os.environ["OMP_NUM_THREADS"])
        if RANK == 0:
            window()
            event("end", status="success")
        """,
        cards=2,
        **ranks,
    )
    assert result["status"] == "completed"
    assert [job.printed(rank).splitlines()[0] for rank in range(2)] == ["0 1", "1 1"]
    assert sorted(path.name for path in (job.node / "ranks").iterdir()) == ["rank-0.json", "rank-1.json"]


def test_the_rank_that_failed_is_named_and_not_the_one_that_was_ended_for_it(job: Job, ranks: dict[str, Any]) -> None:
    result = job.run('if RANK == 1:\n    raise ValueError("boom")\ntime.sleep(600)', cards=2, **ranks)
    assert (result["status"], result["rank"], result["exit_code"]) == ("crashed", 1, 1)
    assert result["message"] == "rank 1 exited with code 1: ValueError: boom"


@pytest.mark.parametrize("way", WAYS_TO_END)
def test_nothing_is_left_however_it_ends(job: Job, ranks: dict[str, Any], way: str) -> None:
    handle = job.start('subprocess.Popen(["sleep", "600"])\nready()\ntime.sleep(600)', cards=2, **ranks)
    wait_for(lambda: all((job.directory / "work" / f"ready-{rank}").exists() for rank in range(2)))
    end_in_one_way(job, handle, way)
    if way == "launcher":
        assert job.result()["rank"] in (0, 1)  # whichever ended first


def test_nodes_that_open_mpi_was_told_of_elsewhere_are_left_alone(job: Job) -> None:
    hosts = job.directory / "hosts"
    hosts.write_text("node-that-is-not-there slots=4\n")
    environment = {"OMPI_MCA_orte_default_hostfile": str(hosts)}
    result = job.run('event("end", status="success")', cards=2, environment=environment, **open_mpi())
    assert result["status"] == "completed", result["message"]


@pytest.mark.skipif(ctypes.util.find_library("mpi") is None, reason="needs the library of Open MPI")
def test_ranks_of_mpi_meet(job: Job) -> None:
    result = job.run(
        MPI + 'mpi.MPI_Finalize()\nif RANK == 0:\n    event("end", status="success")', cards=2, **open_mpi()
    )
    assert result["status"] == "completed"
    assert [job.printed(rank).splitlines()[0] for rank in range(2)] == ["sum 3.0 1", "sum 3.0 1"]


@pytest.mark.skipif(ctypes.util.find_library("mpi") is None, reason="needs the library of Open MPI")
def test_mpi_abort_is_blamed_on_the_rank_that_called_it(job: Job) -> None:
    source = MPI + "if RANK == 1:\n    mpi.MPI_Abort(world, 5)\nwhile True:\n    reduce()"
    result = job.run(source, cards=2, **open_mpi())
    assert (result["status"], result["rank"], result["exit_code"]) == ("crashed", 1, 5)


def test_a_command_is_started_as_it_is(job: Job, ranks: dict[str, Any]) -> None:
    silent = {"name": "silent", "class": "tests.agent.stand_ins:Silent", "options": {}}
    result = job.run(cards=2, program=None, command=["echo", "a b"], args=["-n"], dialect=silent, **ranks)
    assert (result["status"], job.printed(0), job.printed(1)) == ("completed", "a b -n\n", "a b -n\n")


@pytest.mark.parametrize(("user", "as_root"), [(0, ["--allow-run-as-root"]), (1000, [])])
def test_open_mpi_is_told_to_leave_binding_to_the_agent(
    job: Job, monkeypatch: pytest.MonkeyPatch, user: int, as_root: list[str]
) -> None:
    ours = stand_in(job.directory, '#!/bin/sh\necho "mpirun (Open MPI) 5.0.3"\n')
    monkeypatch.setattr(module.os, "geteuid", lambda: user)
    command = prepare(read_order(job.order(cards=2, **ours)), Path("/shipped"), "job", os.environ).command
    here = ["--host", "localhost:2", "--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]
    expected = [*as_root, *here, "-n", "2", sys.executable]
    assert command[: len(expected) + 1] == [str(job.directory / "bin" / "mpirun"), *expected]


def test_intel_mpi_does_not_bind_either(job: Job) -> None:
    ours = stand_in(job.directory, '#!/bin/sh\necho "Intel(R) MPI Library for Linux* OS, Version 2021.11"\n')
    prepared = prepare(read_order(job.order(cards=2, **ours)), Path("/shipped"), "job", os.environ)
    assert prepared.command[1:4] == ["-n", "2", sys.executable]
    assert prepared.environment["I_MPI_PIN"] == "off"


def test_without_mpirun_it_says_what_to_install(job: Job, tmp_path: Path) -> None:
    result = job.run(launch="mpirun", python=sys.executable, environment={"PATH": str(tmp_path)})
    assert (result["status"], result["fault"]) == ("launch_error", "host")
    assert "'launch: mpirun': there is no mpirun on PATH; install Open MPI or MPICH" in result["message"]


def test_an_mpirun_that_cannot_run_is_named(job: Job) -> None:
    ours = stand_in(job.directory, "#!/nowhere/sh\n")
    with pytest.raises(OrderError, match=r"'launch: mpirun': .*/bin/mpirun: No such file or directory"):
        prepare(read_order(job.order(**ours)), Path("/shipped"), "job", os.environ)


def test_a_launcher_that_does_not_number_its_ranks_is_said(job: Job) -> None:
    ours = stand_in(job.directory, '#!/bin/sh\n[ "$1" = --version ] || { shift 2; exec "$@"; }\n')
    result = job.run(cards=2, **ours)
    assert result["status"] == "launch_error"
    assert (
        "cannot tell which rank this is: the launcher sets none of OMPI_COMM_WORLD_RANK, PMI_RANK" in result["message"]
    )
