"""Launches planned runs, each once, and remembers what came of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.attempts import PAUSE, may_repeat
from pytest_sixdim.campaign.contention import Contention
from pytest_sixdim.campaign.deserted import is_deserted, write_deserted
from pytest_sixdim.campaign.earlier import Earlier
from pytest_sixdim.campaign.files import StoreError, write_json
from pytest_sixdim.campaign.launching import launch
from pytest_sixdim.campaign.leases import Lease, lease
from pytest_sixdim.campaign.lost import unkept, write_result
from pytest_sixdim.campaign.orders import Bench, make_order
from pytest_sixdim.campaign.plan import PlannedRun, RunKey
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.campaign.remembered import Remembered
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.campaign.strays import Strays, end_strays
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.launchers import Launcher
from pytest_sixdim.samplers import Device


class _HookError(Exception):
    """What a hook raised, on its way past what looks after errors of the disk."""

    def __init__(self, raised: Exception) -> None:
        self.raised = raised


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

    `started` and `finished` are told of every launch, `waiting` of who has the cards before it, `reused` of a run that
    is taken over from an earlier session instead (and from which), `say` of all else that a person should know.
    """

    def __init__(
        self,
        bench: Bench,
        store: Store,
        launcher: Launcher,
        *,
        say: Callable[[str], None],
        waiting: Callable[[str], None],
        reused: Callable[[RunKey, str], None],
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
        self._tell_reused = reused
        self._started = started
        self._finished = finished
        self.records = Remembered(self._read_back)

    def record(self, planned: PlannedRun) -> RunRecord:
        """The record of a run, which is launched if it has not been yet.

        A run that the disk, or who holds the cards, does not let be launched or kept is a failed one: nothing is raised
        but what hooks raise.
        """
        if planned.key in self.records:
            return self.records[planned.key]
        try:
            record = self._record(planned)
        except _HookError as error:
            raise error.raised from None
        except (OSError, SettingsError, StoreError) as error:
            record = self._unkept(planned, error)
        return self.records.add(planned, record)

    def _record(self, planned: PlannedRun) -> RunRecord:
        settings, configuration, key = self._bench.settings, planned.configuration, planned.key
        if self._store.restore():
            self._say(f"{self._store.directory} was taken away and is made again; what it held is lost")
        while True:
            stored = self._stored(key)
            if stored is not None:
                if not self._again(stored):
                    return stored
                time.sleep(PAUSE)
            run, pool = self._store.run_directory(key), self._bench.host.devices
            with lease(run, str(key), pool, configuration.cards, share=settings.share, waiting=self._waiting) as held:
                self._settle(key)  # another process may have been at it until now
                stored = self._stored(key)
                if stored is None and self._reused(planned, held):
                    continue
                if stored is None or self._again(stored):
                    lost = self._launch(planned, held, attempt=self._store.attempts(key) + 1)
                    if lost is not None:
                        return lost if stored is None else replace(lost, earlier=(*stored.earlier, stored))

    def _unkept(self, planned: PlannedRun, error: Exception, order: Mapping[str, Any] | None = None) -> RunRecord:
        directory, seed = self._store.run_directory(planned.key).resolve(), self._bench.settings.seed(planned.key.index)
        record = unkept(planned, seed, directory, error, order or {})
        self._say(f"{planned.key}: {record.result.message}")
        return record

    def _stored(self, key: RunKey) -> RunRecord | None:
        """The run as this session, in whatever process, has it on disk: its last attempt, with those before."""
        records: list[RunRecord] = []
        for attempt in range(self._store.attempts(key)):
            directory = self._store.run_directory(key, attempt + 1)
            if is_deserted(directory):
                return None
            records.append(read_run(directory))
        return replace(records[-1], earlier=tuple(records[:-1])) if records else None

    def _read_back(self, planned: PlannedRun) -> RunRecord:
        """A run of this process that is not in memory any more; lost where its files are gone or broken by now."""
        try:
            record = self._stored(planned.key)
        except (OSError, StoreError) as error:
            return self._unkept(planned, error)
        return record or self._unkept(planned, StoreError(f"{self._store.run_directory(planned.key)} was taken away"))

    def _again(self, record: RunRecord) -> bool:
        """Whether another attempt follows this one."""
        return len(record.earlier) < self._bench.settings.retries and may_repeat(record)

    def _settle(self, key: RunKey) -> None:
        """Give a result to an attempt that a process began which is gone; the run's lease is held, so that it is."""
        attempt = self._store.attempts(key)
        directory = self._store.run_directory(key, attempt)
        if attempt and is_deserted(directory):
            write_deserted(directory)
            self._say(f"{key}: worker died in the middle of it")
            self._end_strays()

    def _reused(self, planned: PlannedRun, held: Lease) -> bool:
        """Whether the earlier session has the run, which then lies in this session's folder too."""
        if self._earlier is None:
            return False
        directory = self._store.run_directory(planned.key).resolve()
        order, _ = make_order(self._bench, planned, directory, held.devices)
        answer = self._earlier.take(planned.key, order, directory)
        if answer.reused:
            self._tell_reused(planned.key, answer.words or "reused")
        elif answer.words is not None:
            self._say(f"{planned.key}: {answer.words}")
        return answer.reused

    def _launch(self, planned: PlannedRun, held: Lease, attempt: int) -> RunRecord | None:
        """Launch a run once. Returns None where it is kept on disk, finished or failed, else what is left to say of it.

        Raises OSError where it could not even be prepared.
        """
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
        _tell(self._started, start)
        refused = f"{'; '.join(others)}; --sixdim-contention error"
        try:
            if others and self._bench.settings.contention == "error":
                write_result(directory, "launch_error", refused, fault=None)
            elif not launch(self._launcher, directory, order, held, self._say):
                self._end_strays()  # the agent can't have ended its own
            write_json(directory / "lease.json", held.record())
            record = read_run(directory)
        except (OSError, StoreError) as error:
            return self._unkept(planned, error, order)
        except BaseException:  # Ctrl-C: this process lives on, so that the run is cancelled and not deserted
            with suppress(OSError):
                write_json(directory / "lease.json", held.record())
            raise
        _tell(self._finished, record)
        return None

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


def _tell(hook: Callable[[Any], None], what: StartedRun | RunRecord) -> None:
    try:
        hook(what)
    except Exception as error:
        raise _HookError(error) from error
