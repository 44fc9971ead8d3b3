"""What starts the ranks of a run. One file a launch, one class each; docs/launchers.md is the user's view."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pytest_sixdim.core.registry import class_path, load_class


@dataclass(frozen=True)
class Start:
    """What is to be started, and with what.

    Attributes:
        cards: ranks to start.
        python: the interpreter of the launcher.
        rank: the argument list that starts one wrapped rank; the launcher's variables say which one it is.
        scratch: a folder that is removed after the run.
        logs: a folder for what the launcher writes, kept with the run.
        environment: of the launcher and the ranks.
    """

    cards: int
    python: str
    rank: tuple[str, ...]
    scratch: Path
    logs: Path
    environment: Mapping[str, str]


class Launch(ABC):
    """Starts the ranks of one node. An object lasts as long as its run.

    Attributes:
        rank_variables: where a rank finds its number and its local number: pairs of variables, of which the first that
            is set counts. Empty: there is one process, rank 0.
        module: the Python module that the interpreter must have for it; None where it needs none.
        variables: of the launcher and the ranks, besides those in `Start.environment`.
        finds_python: whether it starts `python`, as PATH has it, instead of what it is told.
        said: files below `Start.logs` in which the launcher leaves what it did not print itself.
    """

    rank_variables: ClassVar[tuple[tuple[str, str], ...]] = ()
    module: ClassVar[str | None] = None
    variables: ClassVar[Mapping[str, str]] = {}
    finds_python: ClassVar[bool] = False
    said: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def command(self, start: Start) -> list[str]:
        """The launcher's argument list. Raises OrderError where something that it needs is not there."""

    def close(self) -> None:  # noqa: B027 - nothing to let go of is the usual case
        """Let go of what the run needed; called after its end."""


#: Registered name -> "package.module:Class".
LAUNCHES: dict[str, str] = {
    "torchrun": "pytest_sixdim.agent.launches.torchrun:Torchrun",
    "command": "pytest_sixdim.agent.launches.command:Command",
    "msrun": "pytest_sixdim.agent.launches.msrun:Msrun",
    "paddle": "pytest_sixdim.agent.launches.paddle:Paddle",
    "mpirun": "pytest_sixdim.agent.launches.mpirun:Mpirun",
}

#: Launches of one process that has all cards of the run.
ONE_PROCESS = frozenset({"command"})


def make_launch(name: str) -> Launch:
    """The launch called `name`. Raises RegistryError where it is unknown."""
    made: Launch = load_class(class_path("launch", name, LAUNCHES))()
    return made
