"""A session's campaign: runs launched when somebody asks for what they measure, measured, compared, written down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.measure import Taken, card_id, measure, run_summary
from pytest_sixdim.campaign.orders import Bench, generated
from pytest_sixdim.campaign.plan import Plan, PlannedRun, RunKey
from pytest_sixdim.campaign.runner import Runner, StartedRun
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.matching import match
from pytest_sixdim.core.records import Role, RunRecord
from pytest_sixdim.core.results import DimensionResult, Measurements
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
        waiting: Callable[[str], None],
        started: Callable[[StartedRun], None],
        finished: Callable[[RunRecord], None],
    ) -> None:
        """`baselines`: by the path of their case; `waiting`, `started`, `finished` as for Runner."""
        self._bench = bench
        self._store = store
        self._plan = plan
        self._runner = Runner(bench, store, launcher, waiting=waiting, started=started, finished=finished)
        self._baselines = baselines

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
            taken = Taken(case, configuration, tuple(own), tuple(others), self._plan.full_runs(case))
            measured[dimension] = measure(self._bench, dimension, taken, self._comparable)
        empty = self._unmeasured(case)
        return replace(
            empty,
            dimensions=measured,
            nearest=match(self._entries(case), configuration, empty).nearest,
            runs=tuple(
                run_summary(case, configuration, record, self._store.directory)
                for record in self._done(case, configuration)
            ),
        )

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
            card = Scorecard.from_json(before) if before else new_scorecard(case, configuration, measurements, baseline)
            return card.with_result(result, measurements.runs).to_json()

        return self._store.update_scorecard(case.name, configuration.id, update)

    def failed_run(self, case: Case, configuration: Configuration, dimension: Dimension) -> RunRecord | None:
        """The first run that a dimension needs and that did not come to its end."""
        records = self._records(self._plan.needed(case, configuration, dimension))
        return next((record for record in records if not record.result.finished), None)

    def _records(self, planned: Iterable[PlannedRun]) -> list[RunRecord]:
        return [self._runner.record(run) for run in planned]

    def _has_full_run(self, case: Case, configuration: Configuration) -> bool:
        """Whether the run that gives the window is, or will be, a full one."""
        return self._plan.window_run(case, configuration).key.role == "full"

    def _done(self, case: Case, configuration: Configuration) -> list[RunRecord]:
        return [
            record
            for key, record in sorted(self._runner.records.items())
            if (key.case, key.configuration) == (case.name, configuration.id)
        ]

    def _unmeasured(self, case: Case) -> Measurements:
        """What decides which baseline matches, before anything is measured."""
        return Measurements(
            dimensions={},
            card=card_id(self._bench),
            data="generated" if generated(case) else "real",
            quick=case.is_quick,
            machine={**self._bench.machine, "software": dict(self._bench.software)},
        )

    def _comparable(self, case: Case, configuration: Configuration) -> Baseline | None:
        """The baseline of a configuration's speed."""
        return match(self._entries(case), configuration, self._unmeasured(case), "speed").baseline

    def _entries(self, case: Case) -> Sequence[Baseline]:
        return self._baselines.get(case.path, ())
