"""Launches planned runs, each once, and remembers what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.attempts import may_repeat
from pytest_sixdim.campaign.contention import Contention
from pytest_sixdim.campaign.earlier import Earlier
from pytest_sixdim.campaign.files import write_json
from pytest_sixdim.campaign.leases import Lease, lease
from pytest_sixdim.campaign.lost import write_deserted, write_lost, write_result
from pytest_sixdim.campaign.orders import Bench, make_order
from pytest_sixdim.campaign.plan import PlannedRun, RunKey
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.campaign.strays import Strays, end_strays
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.launchers import Handle, Launcher
from pytest_sixdim.samplers import Device

#: Seconds beyond a run's own limits after which an agent that does not answer is given up.
PATIENCE = 60.0
#: Seconds between two looks at who else has cards of this host.
LOOK = 5.0


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
    """Launches each run at most once a session, but for the attempts that --sixdim-retries allows.

    `started` and `finished` are told of every launch, `waiting` of who has the cards before it, `say` of all else that
    a person should know.
    """

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
        self._earlier = None if bench.settings.resume is None else Earlier(bench.settings.resume)
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
            self.records[planned.key] = self._record(planned)
        return self.records[planned.key]

    def _record(self, planned: PlannedRun) -> RunRecord:
        settings, configuration, key = self._bench.settings, planned.configuration, planned.key
        while True:
            stored = self._stored(key)
            if stored is not None and not self._again(stored):
                return stored
            run, pool = self._store.run_directory(key), self._bench.host.devices
            with lease(run, str(key), pool, configuration.cards, share=settings.share, waiting=self._waiting) as held:
                self._settle(key)  # another process may have been at it until now
                stored = self._stored(key)
                if stored is None and self._reused(planned, held):
                    continue
                if stored is None or self._again(stored):
                    self._launch(planned, held, attempt=self._store.attempts(key) + 1)

    def _stored(self, key: RunKey) -> RunRecord | None:
        """The run as this session, in whatever process, has it on disk: its last attempt, with those before."""
        records: list[RunRecord] = []
        for attempt in range(self._store.attempts(key)):
            directory = self._store.run_directory(key, attempt + 1)
            if not (directory / "result.json").exists():
                return None
            records.append(read_run(directory))
        return replace(records[-1], earlier=tuple(records[:-1])) if records else None

    def _again(self, record: RunRecord) -> bool:
        """Whether another attempt follows this one."""
        return len(record.earlier) < self._bench.settings.retries and may_repeat(record)

    def _settle(self, key: RunKey) -> None:
        """Give a result to an attempt that a process began which is gone; the run's lease is held, so that it is."""
        attempt = self._store.attempts(key)
        directory = self._store.run_directory(key, attempt)
        if attempt and not (directory / "result.json").exists():
            write_deserted(directory)
            self._end_strays()

    def _reused(self, planned: PlannedRun, held: Lease) -> bool:
        """Whether the earlier session has the run, which then lies in this session's folder too."""
        if self._earlier is None:
            return False
        directory = self._store.run_directory(planned.key).resolve()
        order, _ = make_order(self._bench, planned, directory, held.devices)
        why = self._earlier.take(planned.key, order, directory)
        self._say(f"{planned.key}: reused" if why is None else f"{planned.key} is launched again: {why}")
        return why is None

    def _launch(self, planned: PlannedRun, held: Lease, attempt: int) -> None:
        directory = self._store.run_directory(planned.key, attempt).resolve()
        order, run = make_order(self._bench, planned, directory, held.devices, attempt=attempt)
        write_json(directory / "run.json", run)
        strays = self._end_strays()
        if strays:
            order["strays"] = [found.sentence for found in strays]
        others = [*(found.sentence for found in strays if found.stayed), *self._others(held.devices)]
        if others:
            order["contention_before"] = others
        write_json(directory / "order.json", order)
        start = StartedRun(planned.key, planned.case, planned.configuration, order["seed"], directory, order)
        self._started(start)
        if others and self._bench.settings.contention == "error":
            write_result(directory, "launch_error", f"{'; '.join(others)}; --sixdim-contention error")
        else:
            limits = order["limits"]
            handle = self._launcher.start(directory / "order.json", pass_fds=held.descriptors)
            self._wait(handle, held, limits["timeout"] + limits["teardown"] + PATIENCE, limits["teardown"] + PATIENCE)
        write_json(directory / "lease.json", held.record())
        if not (directory / "result.json").exists():
            write_lost(directory)
            self._end_strays()  # the agent can't have ended its own
        self._finished(read_run(directory))

    def _end_strays(self) -> list[Strays]:
        """End what killed runs have left, and say so."""
        found = end_strays()
        for strays in found:
            self._say(strays.sentence)
        return found

    def _others(self, devices: tuple[Device, ...]) -> list[str]:
        """Who else is on the cards of a run, one sentence each; each situation is told once."""
        found = self._contention.look(devices)
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
    def _wait(handle: Handle, held: Lease, limit: float, teardown: float) -> None:
        """Wait for the agent; on Ctrl-C or any other exception let it clean up first, then go on raising."""
        end = time.monotonic() + limit
        try:
            held.look()
            while (ended := handle.wait(min(LOOK, max(0.0, end - time.monotonic())))) is None:
                if time.monotonic() >= end:
                    break
                held.look()
        except BaseException:
            handle.cancel()
            if handle.wait(teardown) is None:
                handle.kill()
            raise
        if ended is None:
            handle.kill()
