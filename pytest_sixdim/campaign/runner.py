"""Launches planned runs, one after another, and remembers what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.cards import host_lease
from pytest_sixdim.campaign.contention import Contention
from pytest_sixdim.campaign.orders import SCHEMA, Bench, make_order
from pytest_sixdim.campaign.plan import PlannedRun, RunKey
from pytest_sixdim.campaign.store import Store, read_run, write_json
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.launchers import Handle, Launcher

#: Seconds beyond a run's own limits after which an agent that does not answer is given up.
PATIENCE = 60.0


@dataclass(frozen=True)
class StartedRun:
    """A run that is about to be launched. `order` is what order.json holds."""

    key: RunKey
    case: Case
    configuration: Configuration
    seed: int
    directory: Path
    order: dict[str, Any]


class Runner:
    """Launches each run at most once a session. `started` and `finished` are told of every launch, `waiting`
    of who has the host before it, `say` of who else is on the cards."""

    def __init__(
        self,
        bench: Bench,
        store: Store,
        launcher: Launcher,
        *,
        say: Callable[[str], None],
        waiting: Callable[[str], None],
        started: Callable[[StartedRun], None],
        finished: Callable[[RunRecord], None],
    ) -> None:
        self._bench = bench
        self._store = store
        self._launcher = launcher
        self._contention = Contention(bench)
        self._said: set[tuple[str, ...]] = set()
        self._say = say
        self._waiting = waiting
        self._started = started
        self._finished = finished
        #: Every run of this process so far.
        self.records: dict[RunKey, RunRecord] = {}

    def record(self, planned: PlannedRun) -> RunRecord:
        """The record of a run, which is launched if it has not been yet."""
        if planned.key not in self.records:
            self.records[planned.key] = self._stored(planned) or self._launch(planned)
        return self.records[planned.key]

    def _stored(self, planned: PlannedRun) -> RunRecord | None:
        """The run as another process of this session left it."""
        directory = self._store.run_directory(planned.key)
        return read_run(directory) if (directory / "result.json").exists() else None

    def _launch(self, planned: PlannedRun) -> RunRecord:
        with host_lease(str(planned.key), self._waiting) as descriptor:
            stored = self._stored(planned)  # another process may have had the host until now
            if stored is not None:
                return stored
            directory = self._store.run_directory(planned.key).resolve()
            order, run = make_order(self._bench, planned, directory)
            write_json(directory / "run.json", run)
            others = self._others(planned.configuration)
            if others:
                order["contention_before"] = others
            write_json(directory / "order.json", order)
            start = StartedRun(planned.key, planned.case, planned.configuration, order["seed"], directory, order)
            self._started(start)
            if others and self._bench.settings.contention == "error":
                _write_result(directory, "launch_error", f"{'; '.join(others)}; --sixdim-contention error")
            else:
                limits = order["limits"]
                handle = self._launcher.start(directory / "order.json", pass_fds=(descriptor,))
                self._wait(handle, limits["timeout"] + limits["teardown"] + PATIENCE, limits["teardown"] + PATIENCE)
        if not (directory / "result.json").exists():
            _write_lost(directory)
        record = read_run(directory)
        self._finished(record)
        return record

    def _others(self, configuration: Configuration) -> list[str]:
        """Who else is on the cards of a run, one sentence each; each situation is told once."""
        found = self._contention.look(self._bench.host.devices[: configuration.cards])
        for each in found:
            if each.who not in self._said:
                self._said.add(each.who)
                self._say(each.sentence)
        blind = self._contention.blind
        if blind is not None and self._bench.settings.contention == "error" and (blind,) not in self._said:
            self._said.add((blind,))
            self._say(f"--sixdim-contention error: nobody can tell who else is on the cards: {blind}")
        return [each.sentence for each in found]

    @staticmethod
    def _wait(handle: Handle, limit: float, teardown: float) -> None:
        """Wait for the agent; on Ctrl-C or any other exception let it clean up first, then go on raising."""
        try:
            ended = handle.wait(limit) is not None
        except BaseException:
            handle.cancel()
            if handle.wait(teardown) is None:
                handle.kill()
            raise
        if not ended:
            handle.kill()


def _write_lost(directory: Path) -> None:
    """The result of a run whose agent ended without one."""
    log = directory / "node-0" / "logs" / "agent.log"
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:] if log.exists() else []
    _write_result(directory, "agent_lost", "the agent ended without a result" + (f": {tail[-1]}" if tail else ""), tail)


def _write_result(directory: Path, status: str, message: str, tail: Sequence[str] = ()) -> None:
    """The result of a run that has none of the agent's."""
    write_json(
        directory / "result.json",
        {
            "schema": SCHEMA,
            "status": status,
            "ended_by": "runner",
            "rank": None,
            "exit_code": None,
            "signal": None,
            "message": message,
            "log_tail": list(tail),
            "seconds": None,
            "started_unix": None,
            "sampler": {},
        },
    )
