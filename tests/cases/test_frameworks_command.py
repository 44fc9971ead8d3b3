"""The digits job in one process that has all cards: JAX, TensorFlow and C++, really trained by pytest --sixdim."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "cases" / "frameworks"
ONE, TWO = "cpu-fp32-bs64-1x1", "cpu-fp32-bs64-1x2"
needs_two_cores = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")


class Trained:
    """The results of a session over one case, copied to a directory of its own."""

    def __init__(self, case: Path, *options: str) -> None:
        self.name = case.parent.name
        self.results = case.parent / "results"
        command = [sys.executable, "-m", "pytest", str(case), "--sixdim", "--sixdim-quick", "--no-sixdim-confirm"]
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(case.parent)}
        environment.pop("PYTEST_ADDOPTS", None)
        done = subprocess.run(
            [*command, "--sixdim-results", str(self.results), "-p", "no:cacheprovider", *options],
            cwd=case.parent,
            env=environment,
            capture_output=True,
            text=True,
        )
        self.output = done.stdout + done.stderr

    def dimension(self, name: str, configuration: str = ONE) -> dict[str, Any]:
        """A dimension of a configuration's scorecard."""
        path = self.results / "latest" / f"digits_{self.name}" / configuration / "scorecard.json"
        assert path.exists(), self.output
        return dict(json.loads(path.read_text())["dimensions"][name])

    def segments(self, configuration: str) -> list[dict[str, Any]]:
        """The segments of a configuration's first run."""
        run = min((self.results / "latest" / f"digits_{self.name}" / configuration).glob("*-1"))
        events = [json.loads(line) for line in (run / "node-0" / "events.jsonl").read_text().splitlines()]
        return [event for event in events if event.get("event") == "segment"]


def copied(name: str, directory: Path) -> Path:
    """A copy of a case, in which its program may be built."""
    ignored = shutil.ignore_patterns("digits", "digits.csv", "__pycache__")
    shutil.copytree(FOLDER / name, directory / name, ignore=ignored)
    return directory / name / "digits.case.yaml"


def interpreter(name: str) -> str:
    """The interpreter of a framework's own environment (make frameworks)."""
    python = ROOT / ".venv" / "frameworks" / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"no environment of {name}: {python.relative_to(ROOT)} is not there")
    return str(python)


def built(directory: Path) -> Path:
    """The C++ case, its program compiled and its data written."""
    for tool in ("make", "g++"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool}")
    pytest.importorskip("sklearn")
    case = copied("cpp", directory)
    made = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "CXXFLAGS=-O3 -march=native -Werror"],
        cwd=case.parent,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return case


def check_measured(trained: Trained) -> None:
    """What a quick session measures of one card, and of two against it."""
    assert trained.dimension("accuracy")["verdict"] == "pass", trained.output
    assert trained.dimension("speed")["value"] > 0, trained.output
    memory = trained.dimension("memory")
    if memory["value"] is None:  # a short window may lie between two readings
        assert "no memory reading in the window" in memory["reason"], trained.output
    else:
        assert 0 < memory["value"] < 8
    assert trained.dimension("linearity", TWO)["value"] > 0, trained.output
    for configuration, cards in ((ONE, 1), (TWO, 2)):
        segments = trained.segments(configuration)
        assert len(segments) >= 5
        assert {segment["samples"] for segment in segments} == {segments[0]["steps"] * 64 * cards}


@needs_two_cores
def test_a_compiled_program_is_measured_in_all_dimensions_that_apply(tmp_path: Path) -> None:
    trained = Trained(built(tmp_path), "--sixdim-runs=3", "-k", "1x1 or linearity")
    check_measured(trained)
    stability = trained.dimension("stability")
    assert stability["detail"]["converged"] == 3
    assert stability["value"] > 0, trained.output
    assert trained.dimension("power")["verdict"] in ("unknown", "unjudged", "suspect")


@needs_two_cores
def test_jax_is_measured_on_one_card_and_two(tmp_path: Path) -> None:
    python = interpreter("jax")
    trained = Trained(
        copied("jax", tmp_path), f"--sixdim-python=jax={python}", "-k", "not stability and 1x1 or linearity"
    )
    check_measured(trained)


@needs_two_cores
def test_keras_own_lines_are_enough(tmp_path: Path) -> None:
    python = interpreter("tensorflow")
    options = (f"--sixdim-python=tensorflow={python}", "-k", "not stability and 1x1 or linearity")
    check_measured(Trained(copied("tensorflow", tmp_path), *options))
