"""How long it takes to collect 1,000 case files.

    python benchmarks/collection.py [FILES] [ROUNDS]

Collects so many case files of one configuration (six tests each) and as many trivial parametrised tests, in one module
and in as many modules, in turns, and compares the medians. The aim: at most 1.5 times.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

AIM = 1.5
CASE = """\
sixdim: 1
name: case_{number}
title: Case {number}
task: image classification
metric: {{name: top1, unit: "%", better: higher, target: 75.9, every: 1 epoch, samples: 50000}}
train:
  program: train.py
  args: [--batch-size, "{{batch_size}}", --precision, "{{precision}}", --seed, "{{seed}}"]
  timeout: 12 h
measure: {{warmup_steps: 50, segment_steps: 100, segment_seconds: 6, segments: 5}}
stability: {{at: target, band: 1 %, runs: 5}}
limits: {{speed: -5 %, linearity: baseline - 0.03, stability: 1.0}}
configurations:
  - {{vendor: cpu, precision: fp32, batch_size: 32, cards: [1]}}
"""
TESTS = """\
import pytest

@pytest.mark.parametrize("number", range({count}))
def test_trivial(number):
    pass
"""


def collect(directory: Path, *extra: str) -> float:
    """CPU seconds of one collection."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-qq",
        "-p",
        "no:cacheprovider",
        *extra,
        str(directory),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=directory)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(f"pytest failed: {command}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure and print."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        cases, module, modules = base / "cases", base / "module", base / "modules"
        for directory in (cases, module, modules):
            directory.mkdir()
        (cases / "train.py").write_text("")
        for number in range(files):
            (cases / f"case_{number}.case.yaml").write_text(CASE.format(number=number))
            (modules / f"test_{number}.py").write_text(TESTS.format(count=6))
        (module / "test_all.py").write_text(TESTS.format(count=6 * files))
        kinds = {
            "case files": (cases, "--sixdim"),
            "one module": (module, "-p", "no:sixdim"),
            "as many modules": (modules, "-p", "no:sixdim"),
        }
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind, (directory, *extra) in kinds.items():
                times[kind].append(collect(directory, *extra))
    medians = {kind: statistics.median(values) for kind, values in times.items()}
    for kind, seconds in medians.items():
        print(f"{kind:16} {6 * files} tests  {seconds:.2f} s  case files take {medians['case files'] / seconds:.2f} x")
    print(f"aim: at most {AIM:g} x; {rounds} rounds in turns, medians of CPU time")


if __name__ == "__main__":
    main()
