"""Baselines beside a case: matched exactly, the nearest named, recorded by a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sixdim.campaign.machine import cpu_name
from tests.plugin.conftest import Bench

ONE = "cpu-fp32-bs32-1x1"
#: What the program says of its speed, however busy the machine is.
CLAIM = "--speeds=16000/16000/16000"
ENTRY = """\
sixdim: 1
units: {{speed: samples/s, power: W, memory: GiB, accuracy: "%"}}
entries:
  - vendor: cpu
    card: "{card}"
    nodes: 1
    cards: 1
    precision: fp32
    batch_size: {batch_size}
    speed: {speed}
    speed_kind: train
    origin: published
    source: a table in a book
    date: 2026-03-01
"""


def baselines(bench: Bench, speed: float, batch_size: int = 32) -> Path:
    path = bench.cases / "tiny.baselines.yaml"
    path.write_text(ENTRY.format(card=cpu_name(), speed=speed, batch_size=batch_size))
    return path


def test_a_matching_baseline_judges_and_its_source_is_printed(bench: Bench) -> None:
    bench.case("tiny", CLAIM)
    baselines(bench, 5000)
    bench.run("-m", "singlecard and speed").assert_outcomes(passed=1)
    baselines(bench, 50000)
    result = bench.run("-m", "singlecard and speed")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*speed * below*50000*a table in a book*"])
    speed = bench.scorecard(ONE)["dimensions"]["speed"]
    assert speed["baseline"]["source"] == "a table in a book"
    assert speed["score"] == pytest.approx(speed["value"] / 50000)


def test_a_near_miss_is_named_and_judges_nothing(bench: Bench) -> None:
    bench.case()
    baselines(bench, 5000, batch_size=64)
    result = bench.run("-m", "singlecard and speed")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*UNJUDGED*baseline exists for batch size 64, this run used 32*"])


def test_a_broken_baselines_file_fails_the_case_with_every_problem(bench: Bench) -> None:
    bench.case()
    path = baselines(bench, 5000)
    path.write_text(path.read_text().replace("power: W", "power: Volt").replace("nodes: 1", "nodes: none"))
    result = bench.run("-m", "singlecard and speed")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*tiny.baselines.yaml:2: *Volt*", "*tiny.baselines.yaml:6: *nodes*"])
    assert "Traceback" not in result.stdout.str()
    assert bench.runs() == []


def test_recorded_figures_judge_the_next_session_as_own_baseline(bench: Bench) -> None:
    bench.case("tiny", CLAIM)
    recorded = bench.cases / "tiny.baselines.yaml"
    result = bench.run("-m", "singlecard and (speed or accuracy)", "--sixdim-save-baseline", str(recorded))
    result.stdout.fnmatch_lines([f"baselines of tiny: 1 entry in {recorded}"])
    result = bench.run("-m", "singlecard and (speed or accuracy)")
    result.assert_outcomes(passed=2)
    assert bench.scorecard(ONE)["dimensions"]["speed"]["label"].startswith("pass (own baseline, 20")


def test_a_file_that_has_meanwhile_come_is_not_overwritten(bench: Bench) -> None:
    bench.case("tiny")
    bench.case("other")
    (bench.path / "new-tiny.yaml").write_text("precious")
    result = bench.run("-m", "singlecard and (speed or accuracy)", "--sixdim-save-baseline", "new.yaml")
    taken = "baselines of tiny: 1 entry in */new-tiny-2.yaml; new-tiny.yaml was written by another*"
    result.stdout.fnmatch_lines([taken])
    assert "entries:" in (bench.path / "new-tiny-2.yaml").read_text()
    assert (bench.path / "new-tiny.yaml").read_text() == "precious"
    assert (bench.path / "new-other.yaml").exists()


def test_a_figure_that_a_crash_left_unconfirmed_is_not_recorded(bench: Bench) -> None:
    args = ("--speeds=15950/16070/16050", "--fault", "raise", "--fault-seed", "2")
    bench.case("tiny", *args, extra="limits: {speed: 16000 samples/s}")
    result = bench.run("-m", "singlecard and (speed or accuracy)", "--sixdim-save-baseline", "new.yaml")
    result.stdout.fnmatch_lines([f"not in the baseline of tiny {ONE}: speed: a run that it needs failed"])
    assert "speed:" not in (bench.path / "new.yaml").read_text().partition("entries:")[2]


def test_figures_without_convergence_are_not_recorded(bench: Bench) -> None:
    bench.case("tiny", "--value", "90")
    result = bench.run("-m", "singlecard and (speed or accuracy)", "--sixdim-save-baseline", "new.yaml")
    result.stdout.fnmatch_lines([f"no baseline of tiny {ONE}: accuracy fail"])
    assert not (bench.path / "new.yaml").exists()


def test_a_file_that_exists_is_not_overwritten(bench: Bench) -> None:
    bench.case()
    (bench.path / "old.yaml").write_text("precious")
    result = bench.run("--sixdim-save-baseline", "old.yaml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --sixdim-save-baseline */old.yaml: exists already*"])
    assert (bench.path / "old.yaml").read_text() == "precious"
