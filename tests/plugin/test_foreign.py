"""A program that nobody wrote for this project: it counts nothing, rates itself, and ends without saying so."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Bench

PROGRAM = """\
import sys, time

best = float(sys.argv[1])
for report in range(120):
    time.sleep(0.04)
    print(f"img/s: {1500 + report % 2:.1f} loss {1 / (report + 1):.5f}", flush=True)
print(f"Acc@1 {best}", flush=True)
"""
CASE = r"""
sixdim: 1
name: foreign
metric: {name: top1, unit: "%", better: higher, target: 75.9}
train: {program: foreign.py, args: ["BEST"]}
log:
  format: pattern
  speed: 'img/s: (?P<speed>\S+) loss (?P<loss>\S+)'
  accuracy: 'Acc@1 (?P<accuracy>\S+)'
  kind: compute
measure: {warmup_steps: 1, steady: false, segment_steps: 1, segment_seconds: 0.1}
configurations:
  - {vendor: cpu, precision: fp32, batch_size: 32}
"""


def foreign(bench: Bench, best: float, *tests: str) -> pytest.RunResult:
    (bench.cases / "foreign.py").write_text(PROGRAM)
    (bench.cases / "foreign.case.yaml").write_text(CASE.replace("BEST", str(best)))
    return bench.run("-k", " or ".join(tests), "-v", "--sixdim-vendor", "cpu", "--junitxml=junit.xml")


def test_its_own_speed_is_shown_as_what_it_is_wherever_people_look(bench: Bench) -> None:
    result = foreign(bench, 76.0, "speed", "accuracy")
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines(
        ["*test_speed*UNJUDGED 150* samples/s (compute, self-reported)*", "*test_accuracy*PASSED 76.00 %*"]
    )
    result.stdout.fnmatch_lines(["*compute*", "*self-reported*", "*note*speed: self-reported, not cross-checked"])
    latest = bench.results / "latest"
    assert "compute<br>self-reported<br>unjudged" in (latest / "report.md").read_text()
    page = (latest / "report.html").read_text()
    assert "<small>compute, self-reported</small>" in page
    assert "samples/s (compute, self-reported)" in page
    assert "samples/s (compute, self-reported)" in (bench.path / "junit.xml").read_text()


def test_a_program_that_ends_without_saying_so_has_completed_and_its_accuracy_is_held_against_the_target(
    bench: Bench,
) -> None:
    result = foreign(bench, 74.0, "accuracy", "speed")
    result.stdout.fnmatch_lines(["*full-1 completed*", "*top1 74 % misses the target >= 75.9 % by 1.9"])
    result.assert_outcomes(failed=1)
