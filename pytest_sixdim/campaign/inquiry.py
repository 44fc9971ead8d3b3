"""A question to a process that may crash, print or hang, and has a deadline."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO

from pytest_sixdim.samplers.process_tree import processes

#: Seconds that a killed process has to go; one that hangs in the kernel is left behind.
PATIENCE = 2.0
#: How often its children are looked for and killed, and the seconds between.
ROUNDS, PAUSE = 20, 0.01
#: Bytes of its answer that are read, and of its complaints, from their end.
MOST_OUTPUT, LAST_BYTES = 16 * 2**20, 2**16


@dataclass(frozen=True)
class Reply:
    """What it printed on stdout, and why that may not be all (None where it ended well)."""

    output: bytes
    failure: str | None
    seconds: float


class Inquiry:
    """One process, started at once, in a session of its own; on leaving the context it and its children are killed.

    Its streams are files, so that nothing ever waits for a pipe that a lost process holds open.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], stdin: bytes = b"") -> None:
        """Raises OSError where the command can't be started."""
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._started = time.monotonic()
        with tempfile.TemporaryFile() as request:
            request.write(stdin)
            request.seek(0)
            try:
                self._process = subprocess.Popen(
                    list(command),
                    stdin=request,
                    stdout=self._output,
                    stderr=self._errors,
                    env=dict(environment),
                    start_new_session=True,
                )
            except OSError:
                self._close()
                raise

    def __enter__(self) -> Inquiry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        self._close()

    def reply(self, timeout: float) -> Reply:
        """Wait until it has ended, at most until `timeout` seconds after its start."""
        left = self._started + timeout - time.monotonic()
        try:
            code = self._process.wait(max(0.0, left))
            failure = self._ending(code) if code else None
        except subprocess.TimeoutExpired:
            failure = f"no answer within {timeout:g} s"
        self._output.seek(0)
        return Reply(self._output.read(MOST_OUTPUT), failure, time.monotonic() - self._started)

    def _kill(self) -> None:
        """End it first, that it may start nothing more, then all of its session: a tool has a process group of its own.

        The session's number is nobody else's as long as one of its processes lives.
        """
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self._process.pid, signal.SIGKILL)
        for _ in range(ROUNDS):  # what is ended may be starting something
            left = [one.pid for one in processes() if one.session == self._process.pid and one.state not in "ZX"]
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if not left:
                return
            time.sleep(PAUSE)

    def _ending(self, code: int) -> str:
        ended = f"exit code {code}"
        if code < 0:
            ended = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - LAST_BYTES))
        last = self._errors.read().decode(errors="replace").strip().splitlines()[-1:]
        return ": ".join([f"its process ended with {ended}", *(line.strip()[:200] for line in last)])

    def _close(self) -> None:
        self._output.close()
        self._errors.close()
