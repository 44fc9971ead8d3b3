"""Asks in a thread of its own, at an interval, and hands each answer over once: whoever reads never waits."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping

from pytest_sixdim.samplers.tool.process import ToolFailure

Readings = Mapping[str, list[float | None]]

#: Texts of failures that are kept; more are only counted.
KEPT_ERRORS = 5
#: Seconds that the thread has to notice that it should end.
PATIENCE = 1.5


class Polling:
    """Polls from `start` to `stop`.

    Args:
        ask: one answer; raises ToolFailure where there is none.
        interval: seconds from the beginning of one question to that of the next; a tool that takes longer is asked
            again at once.
        first: the answer to begin with.
        nothing: the answer that stands for a question that failed: every card None.
    """

    def __init__(self, ask: Callable[[], Readings], interval: float, first: Readings, nothing: Readings) -> None:
        self._ask = ask
        self._interval = interval
        self._nothing = nothing
        self._lock = threading.Lock()
        self._answer, self._number = first, 1
        self._handed_over: dict[str, int] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tool", daemon=True)
        self.cpu_seconds = 0.0
        self.errors: Counter[str] = Counter()
        self._told: set[str] = set()

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def take(self, channels: Collection[str]) -> dict[str, list[float | None]]:
        """Those of `channels` in the newest answer, if it was not handed over before."""
        with self._lock:
            due = [name for name in channels if name in self._answer and self._handed_over.get(name) != self._number]
            self._handed_over.update(dict.fromkeys(due, self._number))
            return {name: list(self._answer[name]) for name in due}

    def complaints(self) -> list[str]:
        """Errors that were not told before."""
        new = [text for text in list(self.errors) if text not in self._told]
        self._told.update(new)
        return new

    def stop(self) -> None:
        """Ask no more. The question in progress must be ended by whoever can."""
        self._stopping.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        due = time.monotonic() + self._interval
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = time.monotonic() + self._interval
            try:
                answer = self._ask()
            except ToolFailure as failure:
                answer = self._failed(str(failure))
            except Exception as error:  # a tool may print anything
                answer = self._failed(f"{type(error).__name__}: {error}")
            with self._lock:
                self._answer, self._number = answer, self._number + 1
            self.cpu_seconds = time.thread_time()

    def _failed(self, text: str) -> Readings:
        if not self._stopping.is_set() and (text in self.errors or len(self.errors) < KEPT_ERRORS):
            self.errors[text] += 1
        return self._nothing
