"""How a run is launched: torchrun's command, and the environment of its ranks."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pytest_sixdim.agent.order import Order, OrderError

PACKAGE = Path(__file__).resolve().parent.parent

#: The files of this package that may run under the training program's interpreter.
SHIPPED = (PACKAGE / "training.py", PACKAGE / "agent" / "rank.py", PACKAGE / "agent" / "adapted.py")

#: Variables of an outer launch, which would tell torchrun or the ranks that they belong to it.
OUTER_PREFIXES = ("PET_", "TORCHELASTIC_", "SIXDIM_")
OUTER_NAMES = frozenset(
    {
        "RANK",
        "LOCAL_RANK",
        "WORLD_SIZE",
        "LOCAL_WORLD_SIZE",
        "NODE_RANK",
        "GROUP_RANK",
        "GROUP_WORLD_SIZE",
        "ROLE_NAME",
        "ROLE_RANK",
        "ROLE_WORLD_SIZE",
        "MASTER_ADDR",
        "MASTER_PORT",
    }
)

#: Set by a launcher that puts this package's directory first on the agent's PYTHONPATH; not for the ranks.
AGENT_PATH = "SIXDIM_AGENT_PATH"


def ship(directory: Path) -> None:
    """Make `directory` an entry of PYTHONPATH that has `pytest_sixdim.training` and no other installed package."""
    package = directory / "pytest_sixdim"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""What a training program may import of pytest-sixdim."""\n')
    for source in SHIPPED:
        shutil.copy(source, package / source.name)


def launch_command(order: Order, shipped: Path) -> list[str]:
    """The argument list that starts all ranks of this node. Raises OrderError where something to start is not there.

    rank.py runs isolated and without site-packages, because it needs nothing of them and should start at once.
    """
    if shutil.which(order.python) is None:
        raise OrderError(f"'python': no such program: {order.python}")
    if order.command is not None:
        what = list(order.command)
        if not what or shutil.which(what[0], path=order.environment.get("PATH")) is None:
            raise OrderError(f"'command': no such program: {what[0] if what else ''}")
    else:
        what = [order.python, "-u", str(order.program)]
        if not Path(what[-1]).is_file():
            raise OrderError(f"'program': no such file: {order.program}")
        if order.adapter is not None:
            what[-1:] = [str(shipped / "pytest_sixdim" / "adapted.py"), order.adapter["name"], what[-1]]
    rank = [order.python, "-I", "-S", str(shipped / "pytest_sixdim" / "rank.py")]
    torchrun = [
        *(order.python, "-m", "torch.distributed.run"),
        *("--standalone", "--nnodes=1", f"--nproc-per-node={order.cards}", "--max-restarts=0", "--no-python"),
    ]
    return [*torchrun, *rank, *what, *order.args]


def launch_environment(order: Order, shipped: Path, job: str, outer: Mapping[str, str]) -> dict[str, str]:
    """The environment of torchrun and of every rank.

    outer: the agent's own. job: the mark that every process of this run carries as SIXDIM_JOB.
    """
    environment = {
        name: value for name, value in outer.items() if name not in OUTER_NAMES and not name.startswith(OUTER_PREFIXES)
    }
    # torchrun would set it for more than one rank only, and one card would be compared with more threads.
    cores = [len(device.cores) for device in order.devices if device.cores is not None]
    environment["OMP_NUM_THREADS"] = str(min(cores, default=1))
    for name, value in order.environment.items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(shipped), *_python_path(environment.get("PYTHONPATH", ""), outer.get(AGENT_PATH))]
    )
    environment["PYTHONUNBUFFERED"] = "1"
    environment["SIXDIM_RUN"] = str(order.directory / "run.json")
    environment["SIXDIM_JOB"] = job
    environment["SIXDIM_NODE"] = str(order.node)
    if order.adapter is not None:
        environment["SIXDIM_ADAPTER"] = json.dumps({**order.adapter, "directory": str(order.node / "ranks")})
    environment["SIXDIM_CORES"] = json.dumps([device.cores for device in order.devices])
    return environment


def _python_path(text: str, agent_path: str | None) -> list[str]:
    """The entries of a PYTHONPATH, without the one that was added for the agent."""
    entries = [entry for entry in text.split(os.pathsep) if entry]
    return entries[1:] if agent_path is not None and entries[:1] == [agent_path] else entries
