"""Who asks the agent to stop: a signal, or the caller, whose end of the agent's stdin closes when it is gone."""

from __future__ import annotations

import os
import select
import signal
import stat
import time
from types import FrameType

STDIN = 0
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Cancellation:
    """Listens from the moment it is made, in the main thread.

    Only a pipe or a socket is watched as stdin: /dev/null or a file is at its end from the start, and says nothing of
    a caller.

    Attributes:
        reason: what asked for the stop; None as long as nothing has.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._watched = [STDIN] if _can_close(STDIN) else []
        for number in SIGNALS:
            signal.signal(number, self._note)

    def wait(self, seconds: float) -> None:
        """Sleep, or less where stdin is closed meanwhile."""
        if not self._watched:
            time.sleep(seconds)
        elif select.select(self._watched, [], [], seconds)[0] and not os.read(STDIN, 4096):
            self._watched = []
            self.reason = self.reason or "the caller closed the agent's stdin"

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.reason = self.reason or signal.Signals(number).name


def _can_close(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
