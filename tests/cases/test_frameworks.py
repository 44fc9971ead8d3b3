"""The same small job in PyTorch, MindSpore and PaddlePaddle: real sessions under their own launchers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.schema.case import load_case

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cases" / "frameworks"
TWO = "cpu-fp32-bs64-1x2"
#: Where `make frameworks` installs them.
ENVIRONMENTS = Path(sys.prefix) / "frameworks"
#: Of a session on a machine that does other things too.
pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True)
class Bench:
    """A directory of its own, and what a session in it left."""

    path: Path

    def run(self, framework: str, *options: str) -> str:
        """A session on two cores; what it printed."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--sixdim", str(FOLDER / framework)]
        session = subprocess.run(
            [*command, "--no-sixdim-confirm", *options],
            cwd=self.path,
            env={**environment, "XDG_RUNTIME_DIR": str(self.path)},
            capture_output=True,
            text=True,
        )
        assert session.returncode in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED), session.stdout + session.stderr
        return session.stdout

    def scorecard(self, framework: str) -> dict[str, Any]:
        path = self.path / "results" / "latest" / f"digits_{framework}" / TWO / "scorecard.json"
        return dict(json.loads(path.read_text()))

    def orders(self) -> Iterator[dict[str, Any]]:
        for path in (self.path / "results" / "latest").glob("*/*/*/order.json"):
            yield json.loads(path.read_text())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    return Bench(tmp_path)


def installed(name: str) -> Path:
    """The interpreter of a framework; skips where `make frameworks` has not made it."""
    python = ENVIRONMENTS / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python} is not there: make frameworks")
    return python


def check_trained(card: dict[str, Any], said: str) -> None:
    """Accuracy passes, and speed and memory have figures."""
    results = card["dimensions"]
    assert results["accuracy"]["verdict"] == "pass", said
    assert 97 <= results["accuracy"]["value"] <= 100
    for dimension in ("speed", "memory"):
        assert results[dimension]["value"] > 0, results[dimension]["reason"]
        assert results[dimension]["verdict"] in ("unjudged", "suspect")
    assert len(results["speed"]["detail"]["segments"]) == 5


@pytest.mark.parametrize("framework", ["pytorch", "mindspore", "paddlepaddle"])
def test_the_job_is_the_same(framework: str) -> None:
    case = load_case(FOLDER / framework / "digits.case.yaml", ["cpu"])
    assert case.name == f"digits_{framework}"
    assert (case.metric.target, case.metric.samples, case.metric.unit) == (97.0, 360, "%")
    assert [configuration.id for configuration in case.configurations] == ["cpu-fp32-bs64-1x1", TWO]
    assert case.train.requires
    assert (FOLDER / framework / "requirements.txt").read_text()


def test_pytorch_in_all_six_dimensions(bench: Bench) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    said = bench.run("pytorch", "-m", "multicard", "--sixdim-runs", "3")
    card = bench.scorecard("pytorch")
    check_trained(card, said)
    results = card["dimensions"]
    assert set(results) == set(DIMENSIONS)
    assert results["stability"]["value"] > 0
    assert results["linearity"]["value"] > 0
    assert results["power"]["verdict"] in ("unknown", "unjudged")  # most virtual machines have no sensor


def test_paddlepaddle_under_its_own_launcher(bench: Bench) -> None:
    python = installed("paddlepaddle")
    named = f"paddle={python}"
    said = bench.run("paddlepaddle", "-m", "multicard and not stability", "--sixdim-python", named)
    card = bench.scorecard("paddlepaddle")
    check_trained(card, said)
    assert card["dimensions"]["linearity"]["value"] > 0
    assert {(order["launch"], order["python"]) for order in bench.orders()} == {("paddle", str(python))}
    assert card["machine"]["software"]["paddlepaddle"]


def test_mindspore_under_its_own_launcher(bench: Bench) -> None:
    python = installed("mindspore")
    dimensions = "speed or memory or accuracy"
    said = bench.run("mindspore", "-m", f"multicard and ({dimensions})", "--sixdim-python", f"mindspore={python}")
    card = bench.scorecard("mindspore")
    check_trained(card, said)
    assert [order["launch"] for order in bench.orders()] == ["msrun"]  # one launch, which takes long, answers all three
    assert card["machine"]["software"]["mindspore"]


def test_a_framework_that_is_not_installed_is_a_skip_with_the_reason(bench: Bench) -> None:
    said = bench.run("mindspore", "-m", "multicard and speed", "-rs", "--sixdim-python", f"mindspore={sys.executable}")
    assert f"which {sys.executable} does not have (--sixdim-python mindspore=EXE)" in said
    assert list(bench.orders()) == []
