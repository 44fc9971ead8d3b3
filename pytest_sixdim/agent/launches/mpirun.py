"""mpirun: Open MPI's, MPICH's or Intel's, a rank a card."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from types import MappingProxyType

from pytest_sixdim.agent.launches import Launch, Start
from pytest_sixdim.agent.order import OrderError

#: Seconds that mpirun has to say whose it is.
PATIENCE = 30.0


class Mpirun(Launch):
    """Neither binds the ranks to cores (rank.py does so) nor cares how many the host has."""

    rank_variables = (
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"),
        ("PMI_RANK", "MPI_LOCALRANKID"),  # MPICH, Intel MPI
        ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_LOCAL_RANK"),  # MVAPICH
        ("PMIX_RANK", "PMIX_LOCAL_RANK"),
    )
    variables = MappingProxyType({"I_MPI_PIN": "off"})  # Open MPI is told by an option; MPICH binds nothing

    def command(self, start: Start) -> list[str]:
        """See Launch.command."""
        mpirun = shutil.which("mpirun", path=start.environment.get("PATH"))
        if mpirun is None:
            raise OrderError(
                "'launch: mpirun': there is no mpirun on PATH; install Open MPI or MPICH (Debian, Ubuntu: apt install "
                "openmpi-bin) or load its module before pytest"
            )
        options = _open_mpi(start.cards) if "Open MPI" in _version(mpirun, start.environment) else []
        return [mpirun, *options, "-n", str(start.cards), *start.rank]


def _open_mpi(cards: int) -> list[str]:
    """Open MPI refuses to start as root, and more ranks than cores, unless it is told to; and it takes the nodes of a
    hostfile of its own or of a batch system's allocation, where this node alone is meant."""
    as_root = ["--allow-run-as-root"] if os.geteuid() == 0 else []
    return [*as_root, "--host", f"localhost:{cards}", "--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]


def _version(mpirun: str, environment: Mapping[str, str]) -> str:
    """What it says of itself. Raises OrderError where it says nothing."""
    try:
        told = subprocess.run(
            [mpirun, "--version"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except OSError as error:
        raise OrderError(f"'launch: mpirun': {mpirun}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise OrderError(f"'launch: mpirun': {mpirun} --version did not end within {PATIENCE:g} s") from None
    return (told.stdout + told.stderr).decode(errors="replace")
