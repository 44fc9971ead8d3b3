"""A session's campaign: runs launched when somebody asks for what they measure, measured, compared, written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.recorder import complaint
from pytest_sixdim.campaign.adapter_figures import Known, beside_adapter
from pytest_sixdim.campaign.confirming import confirming_runs, sides
from pytest_sixdim.campaign.datasets import generated
from pytest_sixdim.campaign.files import StoreError
from pytest_sixdim.campaign.measure import Taken, card_id, measure, run_summary, variation
from pytest_sixdim.campaign.orders import Bench
from pytest_sixdim.campaign.plan import Plan, PlannedRun, RunKey
from pytest_sixdim.campaign.runner import Runner, StartedRun
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.accuracy import Data
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.confirming import BESIDE, MORE, is_near, median_of
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.events import Start
from pytest_sixdim.core.facts_of_run import power_cap
from pytest_sixdim.core.matching import match
from pytest_sixdim.core.records import Role, RunRecord
from pytest_sixdim.core.results import JUDGED, DimensionResult, Measured, Measurements
from pytest_sixdim.core.scorecard import Scorecard, new_scorecard
from pytest_sixdim.launchers import Launcher


class Campaign:
    """Answers what the tests of a session ask."""

    def __init__(
        self,
        bench: Bench,
        store: Store,
        plan: Plan,
        launcher: Launcher,
        baselines: Mapping[Path, Sequence[Baseline]],
        *,
        say: Callable[[str], None],
        waiting: Callable[[str], None],
        reused: Callable[[RunKey, str], None],
        started: Callable[[StartedRun], None],
        finished: Callable[[RunRecord], None],
    ) -> None:
        """`baselines`: by the path of their case; `say`: tells a person something now; `waiting`, `reused`, `started`,
        `finished` as for Runner."""
        self._bench = bench
        self._say = say
        self._store = store
        self._plan = plan
        self._runner = Runner(
            bench, store, launcher, say=say, waiting=waiting, reused=reused, started=started, finished=finished
        )
        self._baselines = baselines
        self._noted: set[RunKey] = set()
        self._further: set[str] = set()  # interpreters besides the default
        self._generators: dict[str, str] = {}  # by case
        self._caps: dict[tuple[str, str], dict[RunKey, float | None]] = {}  # by case and configuration

    def need(self, case: Case, configuration: Configuration, role: Role, count: int) -> list[RunRecord]:
        """The first `count` runs of a role, launched where they have not been yet."""
        keys = [RunKey(case.name, configuration.id, role, index + 1) for index in range(count)]
        return self._records(PlannedRun(key, case, configuration) for key in keys)

    def measure(self, case: Case, configuration: Configuration, dimensions: Iterable[Dimension]) -> Measurements:
        """What was measured of some dimensions; launches the runs that they need."""
        measured = {}
        wanted = list(dimensions)
        if self._has_full_run(case, configuration) and "accuracy" not in wanted:
            wanted.append("accuracy")  # costs no run, and says whether the window's run converged
        for dimension in wanted:
            records = self._records(self._plan.needed(case, configuration, dimension))
            own = [record for record in records if record.order["configuration"] == configuration.id]
            others = [record for record in records if record.order["configuration"] != configuration.id]
            taken = self._taken(case, configuration, own, others)
            measured[dimension] = self._measured(dimension, taken)
        empty = self._unmeasured(case, configuration)
        return replace(
            empty,
            dimensions=measured,
            nearest=match(self._entries(case), configuration, empty).nearest,
            runs=self._summaries(case, configuration),
        )

    def is_near(self, case: Case, configuration: Configuration, result: DimensionResult) -> bool:
        """Whether a figure stands so near its limit that `confirm` has to measure it again before it is judged."""
        if not self._bench.settings.confirm or result.dimension not in BESIDE or result.verdict not in JUDGED:
            return False
        runs = [(side, self._plan.window_run(case, side)) for side in sides(configuration, result.dimension)]
        known = [variation(case, side, self._runner.record(run)) for side, run in runs]
        return is_near(result, max((share for share in known if share is not None), default=None))

    def confirm(
        self, case: Case, configuration: Configuration, dimension: Dimension, measurements: Measurements
    ) -> Measurements:
        """The measurements with one dimension as the median of three; launches two more window runs where this session
        has not made them yet."""
        both = sides(configuration, dimension)
        rounds = [[self._plan.window_run(case, side) for side in both]]
        rounds += map(list, zip(*(confirming_runs(case, side) for side in both), strict=True))
        if any(run.key not in self._runner.records for planned in rounds for run in planned):
            self._say(f"{dimension} of {configuration.id} stands near its limit: {MORE} more window runs")
        figures: dict[str, Measured] = {}
        for planned in rounds:
            own, *others = self._records(planned)
            taken = self._taken(case, configuration, [own], others)
            figure = figures[own.name] = self._measured(dimension, taken)
            if figure.value is None:
                break  # this decides
        for side in both[1:]:
            self._add_runs(case, side)
        confirmed = {**measurements.dimensions, dimension: median_of(dimension, figures)}
        return replace(measurements, dimensions=confirmed, runs=self._summaries(case, configuration))

    def baseline(
        self, case: Case, configuration: Configuration, measurements: Measurements, dimension: Dimension
    ) -> Baseline | None:
        """The baseline that a dimension of a configuration is compared with."""
        return match(self._entries(case), configuration, measurements, dimension).baseline

    def keep(
        self, case: Case, configuration: Configuration, measurements: Measurements, result: DimensionResult
    ) -> dict[str, Any]:
        """Write a verdict into the configuration's scorecard, and return the scorecard."""
        baseline = self.baseline(case, configuration, measurements, result.dimension)

        def update(before: dict[str, Any] | None) -> dict[str, Any]:
            card = _card(before) if before else new_scorecard(case, configuration, measurements, baseline)
            return card.with_result(result, measurements.runs).to_json()

        return self._store.update_scorecard(case.name, configuration.id, update)

    def _add_runs(self, case: Case, configuration: Configuration) -> None:
        """Name in a configuration's scorecard, where it has one already, the runs that another one has asked for."""

        def update(before: dict[str, Any]) -> dict[str, Any]:
            return _card(before).with_runs(self._summaries(case, configuration)).to_json()

        try:
            self._store.change_scorecard(case.name, configuration.id, update)
        except OSError as error:
            self._say(f"{configuration.id}: its further runs are not in its scorecard: {complaint(error)}")

    def failed_run(
        self, case: Case, configuration: Configuration, dimension: Dimension, *, confirmed: bool = False
    ) -> RunRecord | None:
        """The first run that a dimension needs and that did not come to its end; `confirmed`: that it was judged by, as
        one of three; in stability also an earlier attempt that lost its card."""
        records = self._records(self._plan.needed(case, configuration, dimension))
        if confirmed:
            more = [run for side in sides(configuration, dimension) for run in confirming_runs(case, side)]
            records += [self._runner.records[run.key] for run in more if run.key in self._runner.records]
        failed = next((record for record in records if not record.result.finished), None)
        if failed is not None or dimension != "stability":
            return failed
        before = (earlier for record in records for earlier in record.earlier)
        return next((earlier for earlier in before if earlier.result.fault == "device"), None)

    def _taken(
        self, case: Case, configuration: Configuration, own: Sequence[RunRecord], others: Sequence[RunRecord]
    ) -> Taken:
        full_runs = self._plan.full_runs(case)
        done = tuple(self._done(case, configuration))
        return Taken(case, configuration, tuple(own), tuple(others), full_runs, self._data(case), done)

    def _measured(self, dimension: Dimension, taken: Taken) -> Measured:
        empty = self._unmeasured(taken.case, taken.configuration)
        known = Known(self._entries(taken.case), empty, self._store.directory)
        return beside_adapter(measure(self._bench, dimension, taken, self._comparable), dimension, taken, known)

    def _summaries(self, case: Case, configuration: Configuration) -> tuple[dict[str, Any], ...]:
        return tuple(
            run_summary(case, configuration, launch, self._store.directory, self._data(case))
            for record in self._done(case, configuration)
            for launch in (*record.earlier, record)
        )

    def _records(self, planned: Iterable[PlannedRun]) -> list[RunRecord]:
        return [self._told(run.key, run.case, self._runner.record(run)) for run in planned]

    def _told(self, key: RunKey, case: Case, record: RunRecord) -> RunRecord:
        """Note once what a run says that is asked of all runs of a case or a configuration."""
        if key in self._noted:
            return record
        self._noted.add(key)
        python = record.order.get("python")
        if python not in (None, self._bench.settings.python) and python not in self._further:
            self._further.add(str(python))
            self._store.note_software(str(python), self._bench.interpreters.software(case))
        if any(log.facts for log in record.samples):
            self._caps.setdefault((key.case, key.configuration), {})[key] = power_cap(record.samples)
        starts = (event.generator for event in record.events if isinstance(event, Start))
        if (generator := next(filter(None, starts), None)) is not None:
            self._generators.setdefault(key.case, generator)
        return record

    def _has_full_run(self, case: Case, configuration: Configuration) -> bool:
        """Whether the run that gives the window is, or will be, a full one."""
        return self._plan.window_run(case, configuration).key.role == "full"

    def _done(self, case: Case, configuration: Configuration) -> list[RunRecord]:
        return self._runner.records.of(case.name, configuration.id)

    def _unmeasured(self, case: Case, configuration: Configuration) -> Measurements:
        """What decides which baseline matches, before anything is measured but after the runs that are needed."""
        return Measurements(
            dimensions={},
            card=card_id(self._bench, configuration),
            data=self._data(case),
            generator=self._generator(case),
            power_cap=self._power_cap(case, configuration),
            quick=case.is_quick,
            machine=self._bench.machine_of(case),
            imported=self._bench.imported,
        )

    def _data(self, case: Case) -> Data:
        """What the case's runs are asked to train on."""
        return "generated" if generated(case, self._bench.settings) else "real"

    def _generator(self, case: Case) -> str | None:
        """What made the generated data, as the case's runs so far say."""
        return self._generators.get(case.name)

    def _power_cap(self, case: Case, configuration: Configuration) -> float | None:
        """The power limit that somebody set on the configuration's cards, W, as the first of its runs found it."""
        found = self._caps.get((case.name, configuration.id))
        return found[min(found)] if found else None

    def _comparable(self, case: Case, configuration: Configuration) -> Baseline | None:
        """The baseline of a configuration's speed."""
        return match(self._entries(case), configuration, self._unmeasured(case, configuration), "speed").baseline

    def _entries(self, case: Case) -> Sequence[Baseline]:
        return self._baselines.get(case.path, ())


def _card(record: dict[str, Any]) -> Scorecard:
    """Raises StoreError for a scorecard that somebody has edited, or another version has written."""
    try:
        return Scorecard.from_json(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"scorecard.json: can't be read: {type(error).__name__}: {error}") from None
