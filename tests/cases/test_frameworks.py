"""The same small job in six frameworks and languages, really trained: a quick session of each."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.schema.case import load_case
from tests.cases.sessions import AT_ONCE, QuickSession, needs_two_cores
from tests.frameworks import interpreter

FOLDER = Path(__file__).parents[2] / "cases" / "frameworks"
ONE, TWO = "cpu-fp32-bs64-1x1", "cpu-fp32-bs64-1x2"
#: Framework -> what its case requires first, and what starts its ranks.
WITH_ENVIRONMENTS = {
    "mindspore": ("mindspore", "msrun"),
    "paddlepaddle": ("paddle", "paddle"),
    "jax": ("jax", "command"),
    "tensorflow": ("tensorflow", "command"),
}
LAUNCHES = {
    "pytorch": "torchrun",
    "cpp": "command",
    **{name: launch for name, (_, launch) in WITH_ENVIRONMENTS.items()},
}
#: Sessions of a machine that does other things too.
pytestmark = pytest.mark.timeout(1200)


def check_trained(trained: QuickSession, cards: int = 2) -> None:
    """Accuracy passes, and the five segments of a speed are whole steps of all cards."""
    accuracy, speed = (trained.dimension(name, cards) for name in ("accuracy", "speed"))
    assert accuracy["verdict"] == "pass", trained.output
    assert 95 <= accuracy["value"] <= 100
    assert speed["value"] > 0, trained.output
    assert len(speed["detail"]["segments"]) == 5
    segments = trained.events("segment", cards)
    assert {segment["samples"] / segment["steps"] for segment in segments} == {64 * cards}
    memory = trained.dimension("memory", cards)
    if memory["value"] is None:
        assert "one process has all 2 cards" in memory["reason"] or "no memory reading" in memory["reason"]
    else:
        assert 0 < memory["value"] < 8


@pytest.mark.parametrize("framework", LAUNCHES)
def test_the_job_is_the_same(framework: str) -> None:
    case = load_case(FOLDER / framework / "digits.case.yaml", ["cpu"])
    assert case.name == f"digits_{framework}"
    assert (case.metric.target, case.metric.samples, case.metric.unit) == (97.0, 360, "%")
    assert case.quick is not None
    assert case.quick.target == 95.0
    assert [configuration.id for configuration in case.configurations] == [ONE, TWO]
    assert case.train.launch == LAUNCHES[framework]
    assert bool(case.train.requires) == (FOLDER / framework / "requirements.txt").exists() == (framework != "cpp")


def test_pytorch_is_trained(tmp_path: Path) -> None:
    """On one card: cases/image_classification/digits is trained on two."""
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    check_trained(QuickSession(FOLDER / "pytorch" / "digits.case.yaml", tmp_path, "-m", f"singlecard and {AT_ONCE}"), 1)


@needs_two_cores
@pytest.mark.parametrize("framework", WITH_ENVIRONMENTS)
def test_another_framework_is_trained_on_two_cards(framework: str, tmp_path: Path) -> None:
    python, (module, launch) = interpreter(framework), WITH_ENVIRONMENTS[framework]
    case = FOLDER / framework / "digits.case.yaml"
    trained = QuickSession(case, tmp_path, "-m", f"multicard and {AT_ONCE}", "--sixdim-python", f"{module}={python}")
    check_trained(trained)
    assert [(order["launch"], order["python"]) for order in trained.orders()] == [(launch, python)]
    assert trained.card()["machine"]["software"][framework]


@needs_two_cores
def test_a_compiled_program_is_measured_in_all_dimensions(tmp_path: Path) -> None:
    trained = QuickSession(built(tmp_path), tmp_path, "--sixdim-runs=3", "-k", "1x1 or linearity")
    check_trained(trained, 1)
    assert {name for name, result in trained.card(1)["dimensions"].items() if result} == set(DIMENSIONS)
    stability = trained.dimension("stability", 1)
    assert (stability["detail"]["converged"], stability["value"] > 0) == (3, True), trained.output
    assert trained.dimension("power", 1)["verdict"] in ("unknown", "unjudged", "suspect")
    assert trained.dimension("linearity")["value"] > 0, trained.output


def built(directory: Path) -> Path:
    """A copy of the C++ case, its program compiled and its data written."""
    for tool in ("make", "g++"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool}")
    pytest.importorskip("sklearn")
    case = directory / "cpp" / "digits.case.yaml"
    shutil.copytree(FOLDER / "cpp", case.parent, ignore=shutil.ignore_patterns("digits", "digits.csv"))
    made = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "CXXFLAGS=-O3 -march=native -Werror"],
        cwd=case.parent,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return case
