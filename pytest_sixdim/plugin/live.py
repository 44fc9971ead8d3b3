"""What is said while runs go on: in this process's terminal or, from a worker of pytest-xdist, in the controller's.

A worker has no terminal. It appends what it says, one line of JSON at a time, to a file in the session's folder; the
controller follows that file and shows each line between pytest's own.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sixdim.campaign.plan import RunKey
from pytest_sixdim.campaign.runner import StartedRun
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.plugin.selection import TOO_FEW

if TYPE_CHECKING:
    from pytest_sixdim.plugin.session import Session

#: The file, while there are workers.
SAID = ".said.jsonl"
NAME = "sixdim-live"
#: Seconds between two looks at what the workers said.
LOOK = 0.25
#: Characters that a worker says at once, and bytes that are read at once: more than a line of those.
LONGEST, CHUNK = 4096, 1 << 16


@dataclass(frozen=True)
class Word:
    """Something to be said.

    `planned`: of a launch that the plan foresaw, how many runs the plan has; the terminal numbers those launches.
    `left_out`: of what is said of the plan, which tests were left out and why; None for every other word.
    """

    text: str
    red: bool = False
    planned: int | None = None
    left_out: tuple[str, ...] | None = None


class Announcer:
    """Says what becomes of this process's runs. `put` shows a word or passes it on."""

    def __init__(self, session: Session, put: Callable[[Word], None]) -> None:
        self._session = session
        self._put = put

    def say(self, text: str) -> None:
        """Say something else that a person should know now."""
        self._put(Word(text))

    def reused(self, key: RunKey, words: str) -> None:
        """Say that a run of an earlier session stands in for a launch; it counts as one of the plan."""
        planned = self._session.plan.runs
        foreseen = self._session.plan.foresees(key)
        self._put(Word(f"{key}: {words}", planned=len(planned) if foreseen else None))

    def pytest_sixdim_run_started(self, run: StartedRun) -> None:
        """Say what is being launched: a run may take hours."""
        planned = self._session.plan.runs
        text = f"{run.key}, seed {run.seed}, {count_of(run.configuration.world_size, 'card')} ..."
        if run.order["attempt"] > 1:
            most = self._session.settings.retries + 1
            self._put(Word(f"{run.key.name}: attempt {run.order['attempt']} of {most}: {text}"))
        elif self._session.plan.foresees(run.key):
            self._put(Word(text, planned=len(planned)))
        else:
            self._put(Word(f"further run: {text}"))

    def pytest_sixdim_run_finished(self, run: RunRecord) -> None:
        """Say how a run ended."""
        seconds = "" if run.result.seconds is None else f" in {run.result.seconds:.1f} s"
        message = "" if run.result.finished or not run.result.message else f": {run.result.message}"
        self._put(Word(f"{run.name} {run.result.status}{seconds}{message}", red=not run.result.finished))


class WorkerAnnouncer(Announcer):
    """Says so by way of the controller, the plan included: the controller collects nothing."""

    def __init__(self, session: Session, worker: str) -> None:
        assert session.store is not None
        self._path = session.store.directory / SAID
        self._worker = worker
        super().__init__(session, self._send)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say what will be launched. Every worker does, since any may die, and the controller shows it once."""
        lines = plan_lines(self._session, session.items)
        self._put(Word("\n".join(lines), left_out=tuple(self._session.deselected)))

    def _send(self, word: Word) -> None:
        """Append a line. A full disk costs what is said, not what is measured."""
        line = json.dumps({"worker": self._worker, **asdict(word), "text": word.text[:LONGEST]}) + "\n"
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except OSError:
            return
        try:
            os.write(descriptor, line.encode())
        except OSError:
            pass
        finally:
            os.close(descriptor)


def plan_lines(session: Session, items: Sequence[pytest.Item], *, summary: bool = True) -> list[str]:
    """What will be launched, and what was left out and why. summary: with a count of the runs."""
    lines = [f"sixdim: left out: {why}" for why in session.deselected]
    lacking = Counter(item.stash[TOO_FEW] for item in items if TOO_FEW in item.stash)
    lines += [f"sixdim: no run: {why} ({count} tests)" for why, count in lacking.items()]
    if session.plan.runs and summary:
        lines += [f"sixdim: {why}" for why in session.without_torch()]
        lines.append(f"sixdim: {session.plan.summary()}")
    return lines


class LiveDisplay:
    """The controller's side: shows what the workers say, as they say it.

    A thread looks at the file, and pytest's own progress is shown under the same lock, so that lines stay whole.
    `show` is told the worker and its word.
    """

    def __init__(self, session: Session, show: Callable[[str, Word], None]) -> None:
        assert session.store is not None
        self._session = session
        self._show = show
        self._path = session.store.directory / SAID
        self._offset = 0
        self._plan_shown = False
        self._turn = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=NAME, daemon=True)
        try:
            self._path.touch(mode=0o600)
        except OSError:
            pass

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logstart(self) -> Generator[None, object, object]:
        """A test begins: xdist's own account of its start is over."""
        with self._turn:
            if self._thread.ident is None:
                self._thread.start()
            self.catch_up()
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self) -> Generator[None, object, object]:
        """What a worker said before its report stands before it."""
        with self._turn:
            self.catch_up()
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logfinish(self) -> Generator[None, object, object]:
        """pytest may end a line here."""
        with self._turn:
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True, optionalhook=True)
    def pytest_testnodedown(self) -> Generator[None, object, object]:
        """xdist says here that a worker died."""
        with self._turn:
            self.catch_up()
            return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """The last words, after the workers ended and before the table."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.catch_up()
        self._path.unlink(missing_ok=True)

    def catch_up(self) -> None:
        """Show what was said since the last look; half a line waits for its other half."""
        with self._turn:
            while lines := self._read():
                for line in lines:
                    self._tell(line)

    def _follow(self) -> None:
        while not self._over.wait(LOOK):
            self.catch_up()

    def _read(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                whole, newline, _ = file.read(CHUNK).rpartition(b"\n")
        except OSError:
            return []
        self._offset += len(whole) + len(newline)
        return whole.splitlines()

    def _tell(self, line: bytes) -> None:
        try:
            record: dict[str, Any] = json.loads(line)
            worker, word = str(record.pop("worker")), Word(**record)
        except (ValueError, TypeError, KeyError, AttributeError):
            return  # half a line of a worker that died over it
        if word.left_out is not None:
            if self._plan_shown:
                return
            self._plan_shown = True
            self._session.deselected = list(word.left_out)
        self._show(worker, word)
