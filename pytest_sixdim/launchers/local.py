"""The agent as a child of this process, on this host."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_sixdim.agent.command import AGENT_PATH, PACKAGE

#: Seconds after which an agent that SIGKILL does not end (it waits in the kernel, for a device or a disk) is left.
KILL_PATIENCE = 10.0


class LocalHandle:
    """One agent. Its stdin is a pipe that closes when this process ends, by whatever end: then it ends the run."""

    def __init__(self, agent: subprocess.Popen[bytes]) -> None:
        self._agent = agent

    @property
    def pid(self) -> int:
        """The agent's process number."""
        return self._agent.pid

    def poll(self) -> int | None:
        """See Handle.poll."""
        code = self._agent.poll()
        if code is not None:
            self.cancel()  # nobody reads the pipe any more
        return code

    def wait(self, timeout: float | None = None) -> int | None:
        """See Handle.wait."""
        try:
            self._agent.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        return self.poll()

    def cancel(self) -> None:
        """See Handle.cancel: closes the agent's stdin."""
        if self._agent.stdin is not None:
            self._agent.stdin.close()

    def kill(self) -> bool:
        """See Handle.kill. The launcher is told to end by the kernel, and takes the ranks along."""
        self.cancel()
        self._agent.kill()
        return self.wait(KILL_PATIENCE) is not None


class LocalLauncher:
    """Starts the agent under this interpreter, in a session of its own, so that Ctrl-C comes to this process only."""

    def start(self, order: Path, *, pass_fds: Sequence[int] = ()) -> LocalHandle:
        """See Launcher.start. What the agent prints goes to node-0/logs/agent.log."""
        logs = order.parent / "node-0" / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        with (logs / "agent.log").open("wb") as log:
            agent = subprocess.Popen(
                [sys.executable, "-m", "pytest_sixdim.agent", str(order)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,
                pass_fds=pass_fds,
            )
        return LocalHandle(agent)


def _environment() -> dict[str, str]:
    """This process's, in which the agent finds this very package; AGENT_PATH tells it to spare the ranks that entry."""
    path = str(PACKAGE.parent)
    entries = [path, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entries), AGENT_PATH: path}
