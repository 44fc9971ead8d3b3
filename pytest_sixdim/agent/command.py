"""How a run is launched: the launcher's command, the wrapped program in it, and the environment of both."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_sixdim.agent.launches import Launch, Start, make_launch
from pytest_sixdim.agent.order import Order, OrderError
from pytest_sixdim.agent.outer import without_outer

PACKAGE = Path(__file__).resolve().parent.parent

#: The files of this package that may run under the training program's interpreter.
SHIPPED = (
    *sorted((PACKAGE / "training").glob("*.py")),
    PACKAGE / "agent" / "rank.py",
    PACKAGE / "agent" / "adapted.py",
)

#: Set by a launcher that puts this package's directory first on the agent's PYTHONPATH; not for the ranks.
AGENT_PATH = "SIXDIM_AGENT_PATH"


def ship(directory: Path) -> None:
    """Make `directory` an entry of PYTHONPATH that has `pytest_sixdim.training` and no other installed package."""
    package = directory / "pytest_sixdim"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""What a training program may import of pytest-sixdim."""\n')
    (package / "training").mkdir()
    for source in SHIPPED:
        folder = package if source.parent.name == "agent" else package / source.parent.name
        shutil.copy(source, folder / source.name)


@dataclass(frozen=True)
class Prepared:
    """A launch, ready to be started. `launch` holds what must not be let go of before the run is over."""

    launch: Launch
    command: list[str]
    environment: dict[str, str]


def prepare(order: Order, shipped: Path, job: str, outer: Mapping[str, str]) -> Prepared:
    """The launcher's argument list, and the environment of the launcher and of every rank.

    outer: the agent's own environment. job: the mark that every process of this run carries as SIXDIM_JOB.
    Raises OrderError where something to start is not there.
    """
    launch = make_launch(order.launch)
    environment = launch_environment(order, shipped, job, outer)
    environment["SIXDIM_RANK_VARIABLES"] = json.dumps(launch.rank_variables)
    environment.update(launch.variables)
    wrapped = wrapped_program(order, shipped, environment)
    start = Start(order.cards, order.python, wrapped, shipped, order.node / "logs", environment)
    if launch.finds_python:
        environment["PATH"] = os.pathsep.join(
            [str(_linked(order.python, shipped)), environment.get("PATH", os.defpath)]
        )
    return Prepared(launch, launch.command(start), environment)


def _linked(python: str, shipped: Path) -> Path:
    """A folder in which the interpreter is called `python`; rank.py takes it away again from the program's PATH."""
    folder = shipped / "pytest_sixdim" / "bin"
    folder.mkdir()
    (folder / "python").symlink_to(Path(shutil.which(python) or python).absolute())
    return folder


def wrapped_program(order: Order, shipped: Path, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The argument list that starts one rank. Raises OrderError where something to start is not there.

    rank.py runs isolated and without site-packages, because it needs nothing of them and should start at once.
    """
    if shutil.which(order.python) is None:
        raise OrderError(f"'python': no such program: {order.python}")
    if order.command is not None:
        what = [_executable(order, environment), *order.command[1:]]
    else:
        what = [order.python, "-u", str(order.program)]
        if not Path(what[-1]).is_file():
            raise OrderError(f"'program': no such file: {order.program}")
        if order.adapter is not None:
            what[-1:] = [str(shipped / "pytest_sixdim" / "adapted.py"), order.adapter["name"], what[-1]]
    return (order.python, "-I", "-S", str(shipped / "pytest_sixdim" / "rank.py"), *what, *order.args)


def _executable(order: Order, environment: Mapping[str, str]) -> str:
    """The command's program, as it will be found: on PATH, or, where it has a slash, from the working directory."""
    name = order.command[0] if order.command else ""
    path = order.work / name
    if os.sep not in name:
        found = shutil.which(name, path=environment.get("PATH")) if name else None
        if found is None:
            raise OrderError(f"'train.command': no such program on PATH: {name!r}{_beside(name)}")
    elif not path.is_file():
        beside = "" if path == Path(name) else f" in {order.work}{_beside(name)}"
        raise OrderError(f"'train.command': no such file: {name}{beside}")
    elif not os.access(path, os.X_OK):
        raise OrderError(f"'train.command': {path} is not executable; chmod +x it, or start it by its interpreter")
    return name


def _beside(name: str) -> str:
    return f"; a file beside the case is {{case_dir}}/{name.removeprefix('./')}" if name else ""


def launch_environment(order: Order, shipped: Path, job: str, outer: Mapping[str, str]) -> dict[str, str]:
    """The environment of every launcher and of every rank; see `prepare`."""
    environment = without_outer(outer)
    cores = _cores(order)
    # torchrun would set it for more than one rank only, and one card would be compared with more threads.
    environment["OMP_NUM_THREADS"] = str(min((len(of_rank) for of_rank in cores if of_rank is not None), default=1))
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
    environment["SIXDIM_CORES"] = json.dumps(cores)
    return environment


def _cores(order: Order) -> list[list[int] | None]:
    """The CPU numbers of each local rank, None for no pinning; one process has those of all its cards."""
    of_cards = [None if device.cores is None else list(device.cores) for device in order.devices]
    if len(order.ranks) == len(of_cards):
        return of_cards
    known = [cores for cores in of_cards if cores is not None]
    return [sorted({core for cores in known for core in cores}) if len(known) == len(of_cards) else None]


def _python_path(text: str, agent_path: str | None) -> list[str]:
    """The entries of a PYTHONPATH, without the one that was added for the agent."""
    entries = [entry for entry in text.split(os.pathsep) if entry]
    return entries[1:] if agent_path is not None and entries[:1] == [agent_path] else entries
