"""Runs a tool: with a time limit, its output bounded, in an empty directory, all that it started ended with it."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_sixdim.core.visible import visible
from pytest_sixdim.samplers.tool.reaping import PAUSE, ended, reap, reap_orphans

#: Bytes of its output that are taken, and of its complaints that are kept; the rest is read and dropped.
MOST_OUTPUT, MOST_COMPLAINT = 1 << 20, 4096
#: Seconds that a tool has to vanish once it was killed. One that does not (it waits for its driver) is left alone.
VANISHING = 1.0

_OUTER = re.compile(r"\{(\w+)\}")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# A process group of its own, to end all of it. No session of its own: children in other sessions than the agent's are
# the measured program's, and reaped by the agent.
_OWN_GROUP: dict[str, Any] = {"process_group": 0} if sys.version_info >= (3, 11) else {"preexec_fn": os.setpgrp}


class ToolFailure(Exception):
    """A tool did not answer; the message says why, in a few words. `hopeless`: to ask it for anything else is vain."""

    def __init__(self, message: str, *, hopeless: bool = False) -> None:
        super().__init__(message)
        self.hopeless = hopeless


@dataclass
class Costs:
    """What running the tool took so far: calls, those that failed, CPU seconds of the tool and its children, and the
    wall seconds of all calls and of the longest."""

    calls: int = 0
    failures: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    seconds_max: float = 0.0


class Tool:
    """Runs commands, one at a time, from whatever thread.

    Args:
        environment: variables set for them; "{NAME}" in a value is that variable's value outside, or nothing.
        timeout: seconds that one call may take.
    """

    def __init__(self, environment: Mapping[str, str], timeout: float) -> None:
        self._wake_reader, self._wake = os.pipe()
        self._closed = False
        self._environment = {
            **os.environ,
            **{name: _OUTER.sub(lambda m: os.environ.get(m[1], ""), str(value)) for name, value in environment.items()},
        }
        self._timeout = timeout
        self._left_behind: int | None = None
        self.costs = Costs()

    def run(self, command: Sequence[str]) -> str:
        """What the command prints on its standard output.

        Raises ToolFailure where it is not there, fails, takes too long, or `close` was called meanwhile.
        """
        program = shutil.which(command[0], path=self._environment.get("PATH"))
        if program is None:
            raise ToolFailure(f"{command[0]} is not on PATH", hopeless=True)
        if self._closed:
            raise ToolFailure("ended", hopeless=True)
        if self._left_behind is not None and reap(self._left_behind, 0.0) is None:
            raise ToolFailure(f"{command[0]}: an earlier call cannot be ended", hopeless=True)
        self._left_behind = None
        started = time.monotonic()
        try:
            return self._run([program, *command[1:]], started + self._timeout)
        except ToolFailure:
            self.costs.failures += 1
            raise
        finally:
            seconds = time.monotonic() - started
            self.costs.calls += 1
            self.costs.seconds += seconds
            self.costs.seconds_max = max(self.costs.seconds_max, seconds)

    def close(self) -> None:
        """End the call in progress, if any; no call can follow."""
        if not self._closed:
            self._closed = True
            os.close(self._wake)  # the selector wakes up

    def __del__(self) -> None:
        self.close()
        os.close(self._wake_reader)

    def _run(self, command: list[str], deadline: float) -> str:
        name = os.path.basename(command[0])  # noqa: PTH119 - it is text for people
        with tempfile.TemporaryDirectory(prefix="sixdim-tool-", ignore_cleanup_errors=True) as directory:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=self._environment,
                    cwd=directory,
                    bufsize=0,
                    **_OWN_GROUP,
                )
            except OSError as error:
                raise ToolFailure(f"{name} cannot be run: {error.strerror}", hopeless=True) from None
            output, complaint = bytearray(), bytearray()
            try:
                late = not self._collect(process, output, complaint, deadline)
            finally:
                code = self._end(process)
        if self._closed:
            raise ToolFailure("ended", hopeless=True)
        if late:
            raise ToolFailure(f"{name}: no answer within {self._timeout:g} s", hopeless=True)
        if code is None:
            raise ToolFailure(f"{name} cannot be ended", hopeless=True)
        whole = output if len(output) <= MOST_OUTPUT else output[: output.rfind(b"\n") + 1]  # half a line misleads
        text = _COLOURS.sub("", whole.decode("utf-8", "replace"))
        if code != 0:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise ToolFailure(f"{name}: {how}{_last_words(complaint.decode('utf-8', 'replace') or text)}")
        return text

    def _collect(
        self, process: subprocess.Popen[bytes], output: bytearray, complaint: bytearray, deadline: float
    ) -> bool:
        """Read until the tool has ended; False where it took too long or `close` was called."""
        with selectors.DefaultSelector() as selector:
            for stream, kept, most in (
                (process.stdout, output, MOST_OUTPUT + 1),
                (process.stderr, complaint, MOST_COMPLAINT),
            ):
                assert stream is not None
                selector.register(stream, selectors.EVENT_READ, (kept, most))
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while len(selector.get_map()) > 1:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    return ended(process.pid)  # somebody else may hold its output open
                for chosen, _ in selector.select(remaining):
                    if chosen.data is None:
                        return False
                    kept, most = chosen.data
                    chunk = os.read(chosen.fd, 1 << 16)
                    kept += chunk[: most - len(kept)]
                    if not chunk:
                        selector.unregister(chosen.fileobj)
        while not ended(process.pid):
            if self._closed or time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE)
        return True

    def _end(self, process: subprocess.Popen[bytes]) -> int | None:
        """End the tool and what it started, and reap it: its exit code, None where it does not go."""
        try:
            os.killpg(process.pid, signal.SIGKILL)  # its number cannot be anybody else's before it is reaped
        except (ProcessLookupError, PermissionError):
            pass
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        end = reap(process.pid, VANISHING)
        if end is None:
            self._left_behind = process.pid
            process.returncode = -signal.SIGKILL  # for subprocess, which would wait for it
            return None
        process.returncode = end.code
        self.costs.cpu_seconds += end.cpu_seconds + reap_orphans(process.pid, VANISHING)
        return end.code


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f": {visible(lines[-1][:200])}" if lines else ""
