"""A session's folder as a campaign leaves it: runs written as the agent writes them, measured and judged by core."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.files import read_json, write_json
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.core.accuracy import measure_accuracy
from pytest_sixdim.core.baseline import Baseline, Figure
from pytest_sixdim.core.case import Case, Configuration, Measure, Metric, Train
from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.core.health import failure
from pytest_sixdim.core.judging import judge
from pytest_sixdim.core.linearity import measure_linearity
from pytest_sixdim.core.memory import measure_memory
from pytest_sixdim.core.power import measure_power
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.core.results import Measured, Measurements
from pytest_sixdim.core.scorecard import new_scorecard
from pytest_sixdim.core.speed import measure_speed
from pytest_sixdim.core.stability import measure_stability
from pytest_sixdim.core.window import read_window
from pytest_sixdim.report.webpage import webpage

from .runs import CONFIGURATION, write_run

NAME = "20260301T101500Z-5ec0de"
CASE = Case(
    name="resnet50",
    title="ResNet-50 v1.5",
    task="image classification",
    path=Path("resnet50.case.yaml"),
    metric=Metric("top1", "%", "higher", 75.9, generated_target=75.0, samples=50_000),
    train=Train(Path("train.py")),
    configurations=(CONFIGURATION,),
)
BASELINE = Baseline(
    vendor="nvidia",
    card="h200",
    nodes=1,
    cards=8,
    precision="amp-bf16",
    batch_size=256,
    speed_kind="train",
    source="https://example.org/resnet50#table-2",
    date="2026-01",
    figures={
        "speed": Figure("22530", "samples/s", 22530.0),
        "power": Figure("612", "W", 612.0),
        "memory": Figure("41.2", "GiB", 41.2),
        "accuracy": Figure("76.4", "%", 76.4),
        "linearity": Figure("0.96", "", 0.96),
        "stability": Figure("1", "", 1.0),
    },
)


class SessionFolder:
    """A session to be reported on."""

    def __init__(self, results: Path) -> None:
        self.directory = results / NAME
        self.directory.mkdir(parents=True)
        devices = [{"index": i, "id": f"GPU-{i}", "name": "NVIDIA H200", "total_bytes": 141 * 2**30} for i in range(8)]
        write_json(
            self.directory / "session.json",
            {
                "schema": 1,
                "plugin": "0.1.0",
                "pytest": "9.2.0",
                "settings": {"strict": True, "quick": False, "launcher": "local", "python": "/usr/bin/python3"},
                "host": {"vendor": "nvidia", "found": "/dev/nvidia0", "devices": devices, "limited_by": None},
                "machine": {"host": "node-17", "cpu": "AMD EPYC 9654", "cpus": 192, "memory_bytes": 2**40},
                "software": {"python": "3.12.3", "torch": "2.9.1"},
                "git_commit": "78a9f1e0c4d2",
            },
        )

    def folder(self, configuration: Configuration = CONFIGURATION) -> Path:
        return self.directory / CASE.name / configuration.id

    def run(self, index: int, configuration: Configuration = CONFIGURATION, **fields: Any) -> RunRecord:
        """Write the files of a full run and read them back; `fields` as those of `write_run`."""
        directory = self.folder(configuration) / f"full-{index}"
        write_run(directory, index, configuration, **fields)
        return read_run(directory)

    def scorecard(
        self,
        runs: Sequence[RunRecord],
        configuration: Configuration = CONFIGURATION,
        baseline: Baseline | None = BASELINE,
        asked: Iterable[str] = DIMENSIONS,
        planned: int | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Measure, judge and write a scorecard; `fields` as those of Measurements."""
        measured = _measured(runs, configuration, planned or len(runs), fields.get("data", "real"))
        measurements = Measurements(
            **{
                "dimensions": measured,
                "card": "h200",
                "data": "real",
                "quick": False,
                "runs": tuple(_summary(run, configuration, self.directory) for run in runs),
                **fields,
            }
        )
        card = new_scorecard(CASE, configuration, measurements, baseline)
        for dimension in DIMENSIONS:
            if dimension in asked:
                card = card.with_result(judge(dimension, CASE, configuration, measurements, baseline))
        record = card.to_json()
        write_json(self.folder(configuration) / "scorecard.json", record)
        return record


def _measured(runs: Sequence[RunRecord], configuration: Configuration, planned: int, data: Any) -> dict[Any, Measured]:
    run = runs[0]
    window = read_window(run.events, Measure(), configuration)
    speed = measure_speed(window, cards=configuration.world_size, failed=failure(run))
    single = Measured("samples/s", (speed.value or 0.0) / configuration.world_size / 0.964)
    return {
        "speed": speed,
        "power": measure_power(window, run.samples, failed=failure(run)),
        "memory": measure_memory(window, run.events, run.samples, failed=failure(run)),
        "accuracy": measure_accuracy(CASE, runs, data),
        "linearity": measure_linearity(configuration, speed, single),
        "stability": measure_stability(CASE, runs, planned=planned, data=data),
    }


def _summary(run: RunRecord, configuration: Configuration, base: Path) -> dict[str, Any]:
    window = read_window(run.events, Measure(), configuration)
    return {
        "name": run.name,
        "role": run.role,
        "index": run.index,
        "seed": run.seed,
        "status": run.result.status,
        "message": run.result.message,
        "seconds": run.result.seconds,
        "directory": str(run.directory.relative_to(base)),
        "speed": measure_speed(window, cards=configuration.world_size).value,
        "accuracy": max((event.value for event in run.events if event.kind == "evaluation"), default=None),
    }


def page_of(folder: SessionFolder, *cards: dict[str, Any]) -> str:
    """The page of a session with these scorecards."""
    return webpage(folder.directory, read_json(folder.directory / "session.json"), cards)
