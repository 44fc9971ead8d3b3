"""A session's runs: a few in memory, the rest read back, and no run costs more for those before it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from pytest_sixdim.campaign import sampled
from pytest_sixdim.campaign.plan import Plan, PlannedRun, RunKey, Wanted
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.campaign.remembered import Remembered
from pytest_sixdim.core.case import Case, Configuration, Metric, Train
from pytest_sixdim.core.records import RunRecord
from tests.report.runs import write_run

CPU = Configuration("cpu", "fp32", 32)
CASE = Case(
    "tiny", "Tiny", "task", Path("tiny.case.yaml"), Metric("top1", "%", "higher", 75.9), Train(Path("t.py")), (CPU,)
)


class Disk:
    """Runs on disk, and how often each was read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.reads: list[RunKey] = []

    def planned(self, number: int) -> PlannedRun:
        return PlannedRun(RunKey(f"case-{number // 4}", CPU.id, "full", number % 4 + 1), CASE, CPU)

    def write(self, planned: PlannedRun, **fields: float) -> RunRecord:
        directory = self.directory / str(planned.key)
        write_run(directory, planned.key.index, CPU, **fields)  # type: ignore[arg-type]
        return read_run(directory)

    def read(self, planned: PlannedRun) -> RunRecord:
        self.reads.append(planned.key)
        return read_run(self.directory / str(planned.key))


def test_only_some_runs_stay_in_memory_and_the_others_are_read_back_the_same(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    records = Remembered(disk.read, held=3)
    made = [disk.planned(number) for number in range(8)]
    written = [records.add(planned, disk.write(planned)) for planned in made]
    assert all(planned.key in records for planned in made)
    assert [records[planned.key] for planned in made[5:]] == written[5:]
    assert disk.reads == []
    again = records[made[0].key]
    assert (again.events, again.result, again.seed) == (written[0].events, written[0].result, written[0].seed)
    assert disk.reads == [made[0].key]


def test_the_runs_of_a_configuration_come_in_order_whenever_they_were_made(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    records = Remembered(disk.read, held=2)
    for number in (3, 5, 0, 2, 1):
        planned = disk.planned(number)
        records.add(planned, disk.write(planned))
    assert [record.name for record in records.of("case-0", CPU.id)] == ["full-1", "full-2", "full-3", "full-4"]
    assert [record.name for record in records.of("case-1", CPU.id)] == ["full-2"]
    assert records.of("case-2", CPU.id) == []


def test_asking_for_a_configuration_reads_no_other(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    records = Remembered(disk.read, held=4)
    for number in range(40):
        planned = disk.planned(number)
        records.add(planned, disk.write(planned, seconds=70.0))
    records.of("case-0", CPU.id)
    assert {key.case for key in disk.reads} == {"case-0"}
    assert len(disk.reads) == 4


def test_a_run_that_the_disk_did_not_take_stays_in_memory(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    records = Remembered(disk.read, held=1)
    lost = disk.planned(0)
    record = disk.write(lost)
    (tmp_path / str(lost.key) / "result.json").unlink()
    records.add(lost, record)
    for number in (1, 2, 3):
        records.add(disk.planned(number), disk.write(disk.planned(number)))
    assert records[lost.key] is record
    assert disk.reads == []


def test_readings_of_many_runs_take_no_more_memory_than_of_a_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampled, "MOST_READINGS", 5_000)
    disk = Disk(tmp_path)
    runs = [disk.write(disk.planned(number), seconds=120.0) for number in range(30)]
    peaks = []
    for some in (runs[:5], runs[5:]):
        tracemalloc.start()
        readings = [sum(len(series.values) for series in run.samples[0].series["power"]) for run in some]
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert set(readings) == {readings[0]}
        assert readings[0] > 0
    assert peaks[1] < 2 * peaks[0]


def test_a_plan_looks_at_each_test_once_and_knows_its_runs() -> None:
    compared: list[str] = []

    class Test(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            compared.append(self)
            return str.__eq__(self, other)

        def __ne__(self, other: object) -> bool:
            return not self == other

    plan = Plan(Wanted(CASE, CPU, ("speed", "power"), Test(f"test_{number}")) for number in range(500))
    assert len(compared) < 4 * 500
    assert [len(run.tests) for run in plan.runs] == [500]
    assert plan.foresees(plan.runs[0].key)
    assert not plan.foresees(RunKey("tiny", CPU.id, "window", 2))
