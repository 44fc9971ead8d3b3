"""Imported runs as a session's folder, and their scorecard: measured and judged as runs that were made here."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_sixdim import __version__
from pytest_sixdim.agent.recorder import complaint
from pytest_sixdim.campaign.campaign import Campaign
from pytest_sixdim.campaign.host import Host
from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.files import SourceFile, require_distinct, require_unchanged
from pytest_sixdim.campaign.importing.request import Request
from pytest_sixdim.campaign.importing.writing import WrittenRun, files_of, write_run
from pytest_sixdim.campaign.orders import Bench
from pytest_sixdim.campaign.plan import Plan, PlannedRun, RunKey, Wanted
from pytest_sixdim.campaign.settings import Settings, SettingsError
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.dimensions import DIMENSIONS, UNITS, Dimension
from pytest_sixdim.core.imported import MARK
from pytest_sixdim.core.judging import judge
from pytest_sixdim.core.results import Measured
from pytest_sixdim.launchers import Handle
from pytest_sixdim.samplers import Device


@dataclass(frozen=True)
class ImportedSession:
    """What came of an import: its folder, the runs, the scorecard (docs/formats.md)."""

    directory: Path
    runs: tuple[WrittenRun, ...]
    scorecard: dict[str, Any]


def import_logs(request: Request) -> ImportedSession:
    """Write a session's folder with the runs and their scorecard.

    Raises CannotImport; then nothing is left of the folder.
    """
    case, configuration = request.case, request.configuration
    wanted = [(configuration, number + 1, run) for number, run in enumerate(request.logs)]
    if request.reference is not None and configuration.reference is not None:
        wanted.append((configuration.reference, 1, request.reference))
    files = [(side, index, files_of(run, side.nodes)) for side, index, run in wanted]
    require_distinct(each.log for _, _, each in files)
    store = _store(request.results)
    try:
        runs = []
        for side, index, each in files:
            key = RunKey(case.name, side.id, "full", index)
            runs.append(write_run(request, side, index, each, store.run_directory(key).resolve()))
        require_unchanged(file for _, _, each in files for file in each)
        bench = _bench(request, runs)
        scorecard = _scorecard(request, bench, store, runs)
        store.write_session(_session(bench, store))
    except BaseException as error:
        shutil.rmtree(store.directory, ignore_errors=True)
        if isinstance(error, OSError):
            raise CannotImport(complaint(error)) from None
        if isinstance(error, SettingsError):
            raise CannotImport(_here(error)) from None
        raise
    return ImportedSession(store.directory, tuple(runs), scorecard)


class LoggedPlan(Plan):
    """A plan that asks for no run but those whose logs are there."""

    def __init__(self, wanted: Iterable[Wanted], runs: int, there: Collection[RunKey]) -> None:
        self._there = frozenset(there)
        super().__init__(wanted, runs)

    def needed(self, case: Case, configuration: Configuration, dimension: Dimension) -> list[PlannedRun]:
        """See Plan.needed."""
        return [run for run in super().needed(case, configuration, dimension) if run.key in self._there]


class NoLauncher:
    """Nothing is launched in an import."""

    def start(self, order: Path, *, pass_fds: Sequence[int] = ()) -> Handle:
        """Raises OSError."""
        raise OSError(f"{order}: an import launches nothing (descriptors {list(pass_fds)})")


def _store(results: Path) -> Store:
    try:
        return Store.create(results)
    except SettingsError as error:
        raise CannotImport(_here(error)) from None


def _here(error: SettingsError) -> str:
    return str(error).replace("--sixdim-results", "--results")


def _bench(request: Request, runs: Sequence[WrittenRun]) -> Bench:
    """The card that the runs were made on, as far as somebody says; nothing of this host."""
    vendor, count = request.profile.id, request.configuration.cards
    name = None if request.card is None else request.card.names[0]
    cards = [] if name is None else [Device(number, f"{vendor}:{number}", name) for number in range(count)]
    settings = Settings(
        vendor=vendor,
        python="",
        results=request.results,
        runs=request.planned,
        seeds=request.seeds,
        confirm=False,
        data="generated" if request.data == "generated" else Path(MARK),
    )
    named = [{**file.to_json(), "run": run.name, **_said(run, file)} for run in runs for file in run.files]
    told = {"format": request.format, "files": named}
    host = Host(vendor, MARK, tuple(cards))
    return Bench(settings, host, request.profile, {}, {}, dialects=request.dialects, imported=told)


def _said(run: WrittenRun, file: SourceFile) -> dict[str, Any]:
    """What a log says of its run."""
    return {"says": dict(run.read.says)} if file.role == "log" and run.read.says else {}


def _session(bench: Bench, store: Store) -> dict[str, Any]:
    """session.json."""
    return {
        "plugin": __version__,
        "pytest": None,
        "directory": str(store.directory),
        "resumed": None,
        MARK: bench.imported,
        "settings": bench.settings.to_json(),
        "host": bench.host.to_json(),
        "machine": {},
        "software": {},
        "git_commit": None,
        "samplers": dict(bench.samplers),
        "dialects": dict(bench.dialects),
        "calibration": [],
    }


def _scorecard(request: Request, bench: Bench, store: Store, runs: Sequence[WrittenRun]) -> dict[str, Any]:
    """Measure and judge all dimensions, and write scorecard.json."""
    case, configuration = request.case, request.configuration
    sides = [configuration, *([configuration.reference] if configuration.reference is not None else [])]
    there = {RunKey(case.name, side.id, "full", index + 1) for side in sides for index in range(len(runs))}
    there = {key for key in there if store.attempts(key)}
    plan = LoggedPlan([Wanted(case, side, DIMENSIONS, "import") for side in sides], request.planned, there)
    campaign = Campaign(
        bench,
        store,
        plan,
        NoLauncher(),
        {case.path: request.baselines},
        say=_nothing,
        waiting=_nothing,
        reused=_nothing,
        started=_nothing,
        finished=_nothing,
    )
    record: dict[str, Any] = {}
    for dimension in DIMENSIONS:
        missing = dimension == "linearity" and configuration.reference is not None and request.reference is None
        measured = campaign.measure(case, configuration, () if missing else (dimension,))
        if missing:
            assert configuration.reference is not None
            why = f"{MARK}: no log of {configuration.reference.id} was given (--single)"
            nothing = Measured(UNITS[dimension], unknown=why, flags=(MARK,))
            measured = replace(measured, dimensions={**measured.dimensions, dimension: nothing})
        baseline = campaign.baseline(case, configuration, measured, dimension)
        result = judge(dimension, case, configuration, measured, baseline)
        record = campaign.keep(case, configuration, measured, result)
    return record


def _nothing(*_: object) -> None:
    """Nobody watches an import."""
