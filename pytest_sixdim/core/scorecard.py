"""The six results of one configuration, as scorecard.json keeps them (docs/formats.md)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pytest_sixdim.core.accuracy import target_of
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.dimensions import DIMENSIONS, Dimension
from pytest_sixdim.core.results import JUDGED, DimensionResult, Measurements
from pytest_sixdim.core.scores import Overall, overall

SCHEMA = 1
Status = Literal["pass", "fail", "incomplete"]


@dataclass(frozen=True)
class Scorecard:
    """What is known of one configuration of one case.

    Attributes:
        case, title, task: of the case; `metric`: its name, unit, better and the target that was to be met.
        configuration: its id; `key`: vendor, precision, batch_size, nodes, cards, tag and adapter.
        card, data, generator, quick, power_cap: what else decides which baseline matches.
        dimensions: one result each; None: not asked.
        runs: one plain record a run. `baseline`: the entry compared with. `machine`: where it ran.
        imported: the logs that it was read from (docs/import.md); None where it was measured.
    """

    case: str
    title: str
    task: str
    metric: Mapping[str, Any]
    configuration: str
    key: Mapping[str, Any]
    card: str | None
    data: Literal["real", "generated"]
    quick: bool
    generator: str | None = None
    power_cap: float | None = None
    dimensions: Mapping[Dimension, DimensionResult | None] = field(default_factory=dict)
    runs: tuple[Mapping[str, Any], ...] = ()
    baseline: Mapping[str, Any] | None = None
    machine: Mapping[str, Any] = field(default_factory=dict)
    imported: Mapping[str, Any] | None = None

    @property
    def judged(self) -> int:
        """How many of the six dimensions were judged."""
        return sum(1 for result in self.dimensions.values() if result is not None and result.verdict in JUDGED)

    @property
    def overall(self) -> Overall:
        """The overall score, or why there is none."""
        return overall(self.dimensions)

    @property
    def status(self) -> Status:
        """fail: a dimension failed. pass: all applicable ones were judged and pass. Else incomplete."""
        verdicts = [result.verdict if result else None for result in map(self.dimensions.get, DIMENSIONS)]
        if "fail" in verdicts:
            return "fail"
        applicable = [verdict for verdict in verdicts if verdict != "not applicable"]
        return "pass" if applicable and all(verdict == "pass" for verdict in applicable) else "incomplete"

    @property
    def summary(self) -> str:
        """The last line: "incomplete: 4 of 6 judged (power unknown, linearity not applicable)"."""
        results = [(dimension, self.dimensions.get(dimension)) for dimension in DIMENSIONS]
        others = [
            f"{dimension} {result.verdict if result else 'not asked'}"
            for dimension, result in results
            if result is None or result.verdict not in JUDGED
        ]
        return f"{self.status}: {self.judged} of {len(DIMENSIONS)} judged" + (
            f" ({', '.join(others)})" if others else ""
        )

    def with_result(self, result: DimensionResult, runs: Iterable[Mapping[str, Any]] = ()) -> Scorecard:
        """With one more dimension judged, and the runs that it took added by name."""
        return replace(self.with_runs(runs), dimensions={**self.dimensions, result.dimension: result})

    def with_runs(self, runs: Iterable[Mapping[str, Any]]) -> Scorecard:
        """With more runs, each named once."""
        by_name = {run.get("name"): run for run in (*self.runs, *runs)}
        return replace(self, runs=tuple(by_name.values()))

    def to_json(self) -> dict[str, Any]:
        """scorecard.json: plain types, no number that is not finite."""
        total = self.overall
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "case": self.case,
            "title": self.title,
            "task": self.task,
            "metric": self.metric,
            "configuration": self.configuration,
            "key": self.key,
            "card": self.card,
            "data": self.data,
            "generator": self.generator,
            "quick": self.quick,
            "power_cap": self.power_cap,
            "dimensions": {dimension: _result_record(self.dimensions.get(dimension)) for dimension in DIMENSIONS},
            "overall": {"value": total.value, "reason": total.reason, "dimensions": total.dimensions},
            "judged": self.judged,
            "status": self.status,
            "runs": self.runs,
            "baseline": self.baseline,
            "machine": self.machine,
            "imported": self.imported,
        }
        return {name: _plain(value) for name, value in record.items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Scorecard:
        """What `to_json` wrote; overall, judged and status are worked out again.

        Raises ValueError for another schema, KeyError for a key that is missing.
        """
        if record["schema"] != SCHEMA:
            raise ValueError(f"scorecard of schema {record['schema']!r}; this version reads schema {SCHEMA}")
        return cls(
            case=record["case"],
            title=record["title"],
            task=record["task"],
            metric=record["metric"],
            configuration=record["configuration"],
            key=record["key"],
            card=record["card"],
            data=record["data"],
            quick=record["quick"],
            generator=record["generator"],
            power_cap=record["power_cap"],
            dimensions={name: _result(name, record["dimensions"][name]) for name in DIMENSIONS},
            runs=tuple(record["runs"]),
            baseline=record["baseline"],
            machine=record["machine"],
            imported=record.get("imported"),
        )


def new_scorecard(
    case: Case, configuration: Configuration, measurements: Measurements, baseline: Baseline | None
) -> Scorecard:
    """A scorecard on which nothing is judged yet."""
    metric = case.metric
    target = target_of(case, measurements.data)
    return Scorecard(
        case=case.name,
        title=case.title,
        task=case.task,
        metric={"name": metric.name, "unit": metric.unit, "better": metric.better, "target": target},
        configuration=configuration.id,
        key={
            name: getattr(configuration, name)
            for name in ("vendor", "precision", "batch_size", "nodes", "cards", "tag", "adapter")
        },
        card=measurements.card,
        data=measurements.data,
        quick=measurements.quick,
        generator=measurements.generator,
        power_cap=measurements.power_cap,
        dimensions=dict.fromkeys(DIMENSIONS),
        runs=measurements.runs,
        baseline=baseline_record(baseline),
        machine=measurements.machine,
        imported=measurements.imported,
    )


def baseline_record(baseline: Baseline | None) -> dict[str, Any] | None:
    """Where the figures compared with come from."""
    if baseline is None:
        return None
    where = f"{baseline.path}:{baseline.line}" if baseline.path else None
    names = ("vendor", "card", "origin", "source", "date", "software", "note")
    return {**{name: getattr(baseline, name) for name in names}, "where": where}


def not_recordable(scorecard: Scorecard) -> str | None:
    """Why these figures must not become a baseline, or None: only those of a run that was made here, converged and has
    nothing suspect may."""
    if scorecard.imported is not None:
        return "imported from logs: nothing of it was measured here"
    suspect = [d for d, result in scorecard.dimensions.items() if result is not None and result.verdict == "suspect"]
    if suspect:
        return f"{', '.join(suspect)} suspect"
    accuracy = scorecard.dimensions.get("accuracy")
    if accuracy is None:
        return "accuracy was not asked for"
    return None if accuracy.verdict == "pass" else f"accuracy {accuracy.verdict}"


_FIELDS = ("value", "unit", "verdict", "reason", "baseline", "limit", "score", "flags", "detail")


def _result_record(result: DimensionResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    return {**{name: getattr(result, name) for name in _FIELDS}, "label": result.label}


def _result(dimension: Dimension, record: Mapping[str, Any] | None) -> DimensionResult | None:
    if record is None:
        return None
    fields = {name: record[name] for name in _FIELDS}
    return DimensionResult(dimension=dimension, **{**fields, "flags": tuple(fields["flags"])})


def _plain(value: Any) -> Any:
    """Plain JSON types; a number that is not finite is null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
