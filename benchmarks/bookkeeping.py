"""What planning and remembering 10,000 runs takes.

    python -m benchmarks.bookkeeping [RUNS]

Plans RUNS (10,000 by default) window runs of as many cases, and a tenth of that, and lets each be asked for as
its tests do; one record stands in for all launches. The ratio of the two says how a step grows: about 10 is linear.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pytest_sixdim.campaign.plan import Plan, Wanted
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.campaign.remembered import Remembered
from pytest_sixdim.core.case import Case, Configuration, Metric, Train
from tests.report.runs import write_run

CONFIGURATION = Configuration("cpu", "fp32", 32)
DIMENSIONS = ("speed", "power", "memory")


def case(number: int) -> Case:
    """One of many."""
    metric, train = Metric("top1", "%", "higher", 75.9), Train(Path("train.py"))
    name = f"case_{number}"
    return Case(name, name, "task", Path(f"{name}.case.yaml"), metric, train, (CONFIGURATION,))


def measure(directory: Path, runs: int) -> dict[str, float]:
    """CPU seconds of planning and of bookkeeping."""

    cases = [case(number) for number in range(runs)]
    figures = {}
    began = time.process_time()
    plan = Plan(
        Wanted(each, CONFIGURATION, (dimension,), f"{each.name}::test_{dimension}")
        for each in cases
        for dimension in DIMENSIONS
    )
    figures["plan"] = time.process_time() - began
    record = read_run(directory)
    records = Remembered(lambda _: record)
    began = time.process_time()
    for planned in plan.runs:
        assert plan.foresees(planned.key)
        records.add(planned, record)
        for _ in DIMENSIONS:
            records.of(planned.key.case, CONFIGURATION.id)
    figures["bookkeeping"] = time.process_time() - began
    return figures


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with TemporaryDirectory() as name:
        write_run(Path(name), 1, CONFIGURATION)
        small, large = (measure(Path(name), count) for count in (runs // 10, runs))
    print(f"{'':24}{runs // 10:>10}{runs:>10}     ratio")
    for what, value in large.items():
        print(f"{what:24}{small[what]:10.3f}{value:10.3f}{value / small[what]:10.1f}")


if __name__ == "__main__":
    main()
