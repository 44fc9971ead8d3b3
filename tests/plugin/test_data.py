"""--sixdim-data: real data where a directory is given, generated where none is, never one for the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.plugin.conftest import Bench

NEEDS = """
data: {path: images, must_contain: [train]}
"""
ONE = "  - {vendor: cpu, precision: fp32, batch_size: 32, cards: [1]}"


@pytest.fixture
def case(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SIXDIM_DATA", raising=False)
    path = bench.case(extra=NEEDS, configurations=ONE)
    path.write_text(path.read_text().replace("target: 97.0", "target: 97.0, generated_target: 90.0"))
    return path


def told(bench: Bench) -> dict[str, object]:
    """What the only run's program was told of its data and target."""
    (path,) = bench.session.glob("*/*/*/run.json")
    run = json.loads(path.read_text())
    return {**run["data"], "target": run["metric"]["target"]}


def test_a_directory_that_lacks_the_data_set_fails_the_tests_and_launches_nothing(bench: Bench, case: Path) -> None:
    bench.case("other", configurations=ONE)
    (bench.path / "sets" / "images").mkdir(parents=True)
    result = bench.run("--sixdim-data", "sets", "-k", "accuracy")
    where = bench.path / "sets" / "images"
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"*tiny.case.yaml:*: case tiny needs its data set in {where}*which lacks train"])
    assert bench.runs() == ["other/cpu-fp32-bs32-1x1/full-1"]


def test_a_directory_with_the_data_set_is_trained_on(bench: Bench, case: Path) -> None:
    (bench.path / "sets" / "images" / "train").mkdir(parents=True)
    bench.run("--sixdim-data", "sets", "-k", "accuracy").assert_outcomes(passed=1)
    assert told(bench) == {"kind": "real", "path": str(bench.path / "sets" / "images"), "target": 97.0}
    assert bench.scorecard("cpu-fp32-bs32-1x1")["data"] == "real"


def test_without_a_directory_data_is_generated_and_every_report_says_so(bench: Bench, case: Path) -> None:
    result = bench.run("-k", "accuracy", "--junitxml", "junit.xml", "-v")
    result.assert_outcomes(passed=1)
    assert told(bench) == {"kind": "generated", "path": None, "target": 90.0}
    result.stdout.fnmatch_lines(["*generated data*", "note tiny cpu-fp32-bs32-1x1 accuracy: on generated data"])
    assert "on generated data" in (bench.path / "junit.xml").read_text()
    for page in ("report.md", "report.html"):
        assert "generated data" in (bench.session / page).read_text()


def test_the_variable_says_where_data_lies_and_the_option_goes_first(
    bench: Bench, case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIXDIM_DATA", str(bench.path / "nowhere"))
    result = bench.run("-k", "accuracy")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*needs its data set in {bench.path / 'nowhere' / 'images'}*which is not there"])
    bench.run("-k", "accuracy", "--sixdim-data", "generated").assert_outcomes(passed=1)
    assert told(bench)["kind"] == "generated"


def test_a_program_that_generates_what_it_should_read_is_suspect(bench: Bench) -> None:
    bench.case("liar", "--trained-on", "generated", extra=NEEDS, configurations=ONE)
    (bench.path / "images" / "train").mkdir(parents=True)
    result = bench.run("-k", "accuracy", "--sixdim-data", ".")
    result.assert_outcomes(skipped=0, passed=0)
    verdict = bench.scorecard("cpu-fp32-bs32-1x1", case="liar")["dimensions"]["accuracy"]
    assert (verdict["verdict"], "full-1 trained on generated data, real data is given" in verdict["reason"]) == (
        "suspect",
        True,
    )
