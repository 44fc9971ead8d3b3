"""One launch: the agent started, waited for and, where it does not answer, given up; result.json, whatever it did."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.recorder import complaint
from pytest_sixdim.campaign.leases import Lease
from pytest_sixdim.campaign.lost import write_lost, write_result
from pytest_sixdim.launchers import Handle, Launcher

#: Seconds beyond a run's own limits after which an agent that does not answer is given up.
PATIENCE = 60.0
#: Seconds between two looks at who else has cards of this host, and at the run's folder.
LOOK = 5.0


@dataclass(frozen=True)
class _Ended:
    """How the agent ended. `code`: its exit code; None where it was given up, and `why` then says so."""

    code: int | None
    why: str | None = None


def launch(launcher: Launcher, directory: Path, order: dict[str, Any], held: Lease, say: Callable[[str], None]) -> bool:
    """Carry out the order that lies in `directory`; returns whether the agent wrote the result itself.

    Raises OSError where it did not and the disk does not take another.
    """
    limits = order["limits"]
    try:
        handle = launcher.start(directory / "order.json", pass_fds=held.descriptors)
    except OSError as error:
        write_result(directory, "launch_error", f"the agent could not be started: {complaint(error)}")
        return False
    ended = _Watch(handle, held, directory, limits["timeout"] + limits["teardown"], limits["teardown"], say).wait()
    if (directory / "result.json").exists():
        return True
    write_lost(directory, ended.code, ended.why)
    return False


class _Watch:
    """Waits for one agent. Times in seconds."""

    def __init__(
        self, handle: Handle, held: Lease, directory: Path, limit: float, teardown: float, say: Callable[[str], None]
    ) -> None:
        self._handle = handle
        self._held = held
        self._directory = directory
        self._limit = limit
        self._teardown = teardown
        self._say = say

    def wait(self) -> _Ended:
        """Until the agent has ended; on Ctrl-C or any other exception let it clean up first, then go on raising."""
        try:
            return self._wait()
        except BaseException:
            self._handle.cancel()
            if self._handle.wait(self._teardown + PATIENCE) is None:
                self._kill("did not answer")
            raise

    def _wait(self) -> _Ended:
        end, written = time.monotonic() + self._limit + PATIENCE, False
        why = f"it did not answer for {PATIENCE:g} s after the run's limits"
        while True:
            self._held.look()
            code = self._handle.wait(min(LOOK, max(0.0, end - time.monotonic())))
            if code is not None:
                return _Ended(code)
            if time.monotonic() >= end:
                return _Ended(None, self._kill(why))
            if not written and (self._directory / "result.json").exists():
                written, end = True, min(end, time.monotonic() + self._teardown + PATIENCE)
                why = f"it had written its result and did not end for {self._teardown + PATIENCE:g} s"
            elif not written and not self._directory.exists():
                self._handle.cancel()  # nothing of it can be kept
                written, end = True, min(end, time.monotonic() + self._teardown + PATIENCE)
                why = "its folder was taken away while it ran, and it did not answer"

    def _kill(self, why: str) -> str:
        """End the agent, and say what came of it."""
        if self._handle.kill():
            text = f"{why}, and was killed"
        else:
            text = f"{why}, and can't be killed; it keeps its cards until the kernel lets it go"
        self._say(f"the agent of {self._directory.name} (process {self._handle.pid}): {text}")
        return text
