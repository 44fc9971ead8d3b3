"""JUnit: within the xunit2 schema, figures in system-out, counts that agree."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.plugin.conftest import Bench

#: Children and attributes that junit-10.xsd allows a testcase.
CHILDREN = {
    "skipped",
    "error",
    "failure",
    "rerunFailure",
    "rerunError",
    "flakyFailure",
    "flakyError",
    "system-out",
    "system-err",
}
ATTRIBUTES = {"name", "time", "classname", "group"}


def junit(bench: Bench, *args: str) -> ElementTree.Element:
    bench.run("--junitxml=junit.xml", *args)
    return ElementTree.parse(bench.path / "junit.xml").getroot().find("testsuite")  # type: ignore[return-value]


def broken(bench: Bench) -> None:
    path = bench.case("broken")
    path.write_text("sixdim: 1\n")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_testcases_keep_the_schema_and_the_counts_agree(bench: Bench, workers: tuple[str, ...]) -> None:
    bench.case(extra="limits: {speed: 1e9 samples/s}")
    broken(bench)
    suite = junit(bench, "-m", "not stability", *workers)
    cases = suite.findall("testcase")
    for case in cases:
        assert {child.tag for child in case} <= CHILDREN
        assert set(case.attrib) <= ATTRIBUTES
    found = {tag: sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")}
    assert {
        "failure": int(suite.get("failures", -1)),
        "error": int(suite.get("errors", -1)),
        "skipped": int(suite.get("skipped", -1)),
    } == found
    assert found["error"] == 1
    assert found["failure"] == 2
    assert int(suite.get("tests", -1)) == len(cases) == 11


def test_system_out_carries_verdict_value_and_limit(bench: Bench) -> None:
    bench.case(extra="limits: {speed: 1e9 samples/s}")
    suite = junit(bench, "-m", "singlecard and speed")
    (case,) = suite.findall("testcase")
    text = case.findtext("system-out") or ""
    assert "sixdim.speed.verdict: fail\n" in text
    assert "sixdim.speed.value: " in text
    assert " samples/s" in text
    assert "sixdim.speed.limit: " in text


def test_failures_and_skips_stand_at_the_configurations_line(bench: Bench) -> None:
    path = bench.case(extra="limits: {speed: 1e9 samples/s}")
    line = 1 + next(number for number, text in enumerate(path.read_text().splitlines()) if "{vendor: cpu" in text)
    suite = junit(bench, "-m", "singlecard and (memory or speed)")
    failure, skipped = suite.find("testcase/failure"), suite.find("testcase/skipped")
    assert failure is not None
    assert skipped is not None
    assert (failure.text or "").startswith(f"{path}:{line}: speed ")
    assert (skipped.text or "").startswith(f"{path}:{line}: ")


def test_properties_and_none_are_the_other_forms(bench: Bench) -> None:
    bench.case()
    suite = junit(bench, "-m", "singlecard and speed", "-o", "sixdim_junit=properties")
    names = {item.get("name") for item in suite.findall("testcase/properties/property")}
    assert {"sixdim.speed.verdict", "sixdim.speed.value"} <= names
    suite = junit(bench, "-m", "singlecard and speed", "-o", "sixdim_junit=none")
    assert suite.find("testcase/system-out") is None
    assert suite.find("testcase/properties") is None


def test_other_tests_of_the_run_are_left_alone(bench: Bench) -> None:
    bench.case()
    (bench.path / "test_other.py").write_text("def test_other():\n    print('mine')\n")
    suite = junit(bench, "-m", "not stability and not accuracy", "cases", "test_other.py")
    other = next(case for case in suite.findall("testcase") if case.get("name") == "test_other")
    assert list(other) == []


def test_control_characters_of_a_log_do_not_break_the_file(bench: Bench) -> None:
    path = bench.case("tiny", "--fault", "raise")
    program = Path(path.parent / "steps.py")
    program.write_text(program.read_text().replace("boom", r"\x00\x1b[31m]]>\x08<script>"))
    suite = junit(bench, "-m", "singlecard and accuracy")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert suite.find(".//script") is None
