"""How the agent's command reaches the nodes of a run. One file a launcher, one class each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pytest_sixdim.core.registry import class_path, load_class


class Handle(Protocol):
    """The agents of one run, on all its nodes."""

    @property
    def pid(self) -> int:
        """The number of the process that stands for them on this host."""

    def poll(self) -> int | None:
        """The exit code (docs/formats.md: result.json, not this, says how the run ended); None while they run."""

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code, once they have ended; None where `timeout` seconds pass before."""

    def cancel(self) -> None:
        """Ask them to end the run and write its result; returns at once."""

    def kill(self) -> bool:
        """End them at once, without a result; the ranks end with them. For agents that do not answer `cancel`.

        Waits a little; whether all have ended. One that waits in the kernel stays until the kernel lets it go.
        """


class Launcher(Protocol):
    """Starts agents."""

    def start(self, order: Path, *, pass_fds: Sequence[int] = ()) -> Handle:
        """Start the agent of every node with the order in this file.

        pass_fds: descriptors that stay open in the agent as long as it runs, such as those that hold a lease.
        Raises OSError where the host does not let it start. Call it in a thread that lasts as long as the run.
        """


#: Registered name -> "package.module:Class".
LAUNCHERS: dict[str, str] = {"local": "pytest_sixdim.launchers.local:LocalLauncher"}


def launcher(name: str, known: Mapping[str, str] = LAUNCHERS) -> Launcher:
    """The launcher called `name`. Raises RegistryError where it is unknown or cannot be imported."""
    made: Launcher = load_class(class_path("launcher", name, known))()
    return made
