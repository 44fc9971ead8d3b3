"""The essentials on the oldest pytest and pytest-xdist that are supported, and without pytest-xdist."""

from __future__ import annotations

import re
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.compat.conftest import interpreter
from tests.plugin.conftest import Bench
from tests.plugin.distributed import Distributed
from tests.plugin.test_interruption import ONE

PROJECT = Path(__file__).parents[2]
OWN_TEST = """\
import pytest

@pytest.mark.sixdim_case("cases/tiny.case.yaml", dimensions="accuracy")
def test_mine(sixdim_measurements):
    assert sixdim_measurements["accuracy"].value == 98.0
"""


def run(bench: Bench, python: str, *args: str) -> tuple[int, str]:
    """The exit code, and what pytest of another environment prints."""
    command = [python, "-m", "pytest", "--sixdim", "--sixdim-python", str(bench.python), *args]
    done = subprocess.run(command, cwd=bench.path, capture_output=True, text=True, timeout=240)
    return done.returncode, done.stdout + done.stderr


def test_the_oldest_releases_are_those_that_the_project_names() -> None:
    lowest = dict(re.findall(r'"(pytest|pytest-xdist)>=([\d.]+)"', (PROJECT / "pyproject.toml").read_text()))
    pins = dict(re.findall(r"(pytest|pytest-xdist)==([\d.]+)", (PROJECT / "Makefile").read_text()))
    assert pins.keys() == lowest.keys() == {"pytest", "pytest-xdist"}
    for name, pinned in pins.items():
        assert f"{pinned}.0".startswith(f"{lowest[name]}.")


@pytest.mark.parametrize("environment", ["oldest", "oldest-alone", "newest-alone"])
def test_cases_and_python_tests_are_collected_run_and_judged(bench: Bench, environment: str) -> None:
    python = interpreter(environment)
    bench.case()
    (bench.cases / "broken.case.yaml").write_text("sixdim: 1\nname: broken\n")
    (bench.path / "test_mine.py").write_text(OWN_TEST)
    chosen = ("-m", "not multicard", "-k", "accuracy or linearity or speed or mine")
    code, text = run(bench, python, "-v", "--junitxml=junit.xml", *chosen, "cases", "test_mine.py")
    assert code == pytest.ExitCode.TESTS_FAILED, text
    assert bool(re.search("^plugins: .*xdist-3.6", text, re.MULTILINE)) == (environment == "oldest")
    assert re.search(r"test_accuracy\[.*PASSED 98\.00 %", text)
    assert re.search(r"test_speed\[.*UNJUDGED \d+ samples/s", text)
    assert re.search(r"test_linearity\[.*N/A", text)
    assert re.search(r"test_mine.py::test_mine PASSED", text)
    assert re.search(r"broken.case.yaml:\d+: ", text)
    assert bench.runs() == [f"tiny/{ONE}/full-1"]
    found = {case.get("name"): [child.tag for child in case] for case in _junit(bench)}
    assert found[f"test_accuracy[{ONE}]"] == ["system-out"]
    assert found[f"test_speed[{ONE}]"] == ["system-out", "skipped"]
    assert len(found) == 5
    assert "Traceback" not in text


def test_a_worker_dies_under_the_oldest_xdist(bench: Bench) -> None:
    python = interpreter("oldest")
    bench.case("tiny", "--fault", "hang", "--fault-seed", "2", stall="10 min", timeout="20 min")
    bench.case("other")
    chosen = ("-m", "singlecard and (accuracy or stability)", "--sixdim-runs", "2", "--sixdim-share")
    pytest_ = Distributed(bench, "-n", "2", *chosen, python=python)
    pytest_.until_segments("full-2")
    pytest_.kill_worker_of("full-2")
    assert pytest_.end() == pytest.ExitCode.TESTS_FAILED
    assert pytest_.outcomes() == {
        "cases.tiny.case.yaml.test_accuracy": ["passed"],
        "cases.tiny.case.yaml.test_stability": ["failure"],
        "cases.other.case.yaml.test_accuracy": ["passed"],
        "cases.other.case.yaml.test_stability": ["skipped"],
    }
    assert [pytest_.launches(f"{case}/{ONE}/full-{number}") for case in ("tiny", "other") for number in (1, 2)] == [
        1
    ] * 4
    assert "worker died: " in pytest_.text()
    assert "run 4/4: " in pytest_.text()
    assert pytest_.text().count("sixdim: 4 runs answer 4 tests") == 1


def _junit(bench: Bench) -> list[ElementTree.Element]:
    return list(ElementTree.parse(bench.path / "junit.xml").iter("testcase"))
