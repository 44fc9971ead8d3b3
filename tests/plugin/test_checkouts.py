"""Cases that run somebody else's programs as they are: the examples of docs/checkouts.md, against stand-ins."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STAND_INS = ROOT / "tests" / "checkouts"
PAGE = (ROOT / "docs" / "checkouts.md").read_text()
#: The stand-ins have milliseconds for what takes hours.
SHORT = "measure: {warmup_steps: 40, steady: false, segment_steps: 60, segment_seconds: 0.05}\nstability: {runs: 3}\n"
SPEED = "speed"


def example(name: str) -> str:
    """The YAML that follows the page's mark."""
    found = re.search(rf"<!-- example: {name} -->\n```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def on_cpu(text: str, batch_size: int, cards: str) -> str:
    """The example with the configuration of a machine without an accelerator."""
    head, _ = text.split("configurations:")
    return f"{head}configurations:\n  - {{vendor: cpu, precision: fp32, batch_size: {batch_size}, cards: {cards}}}\n"


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(
        ["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def flagperf(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of the stand-in, with a commit."""
    directory: Path = bench.path / "somewhere" / "FlagPerf"
    shutil.copytree(STAND_INS / "flagperf", directory)
    (directory / ".gitignore").write_text("__pycache__/\n")  # as FlagPerf's own says
    git(directory, "init", "-q")
    git(directory, "add", "-A")
    git(directory, "commit", "-qm", "As it is")
    monkeypatch.setenv("FLAGPERF", str(directory))
    (bench.path / "data" / "cpm").mkdir(parents=True)
    return directory


def flagperf_case(bench: Any, more: str = SHORT) -> Path:
    path: Path = bench.cases / "flagperf_cpm.case.yaml"
    path.write_text(on_cpu(example("flagperf"), 32, "[1, 2]") + more)
    return path


@pytest.mark.parametrize("name", ["flagperf", "deepsparkhub"])
def test_what_a_user_writes_is_less_than_25_lines(name: str) -> None:
    assert len(example(name).splitlines()) < 25


def test_a_flagperf_case_runs_as_it_is(bench: Any, flagperf: Path) -> None:
    flagperf_case(bench)
    before = git(flagperf, "status", "--porcelain")

    result = bench.run("-v", "--sixdim-data", "data", "--sixdim-cards", "2", "-k", "accuracy or stability or speed")

    card = bench.scorecard("cpu-fp32-bs32-1x2", "flagperf_cpm")
    assert card["dimensions"]["accuracy"]["verdict"] == "pass", result.stdout.str()
    assert card["dimensions"]["accuracy"]["value"] >= 0.92
    speed = card["dimensions"][SPEED]
    assert speed["verdict"] == "unjudged", speed
    assert speed["value"] > 0
    assert len(speed["detail"]["segments"]) == 5
    assert [run["status"] for run in card["runs"]] == ["completed"] * 3
    assert len({run["seed"] for run in card["runs"]}) == 3
    assert card["runs"][0]["checkout"] == {
        "commit": git(flagperf, "rev-parse", "HEAD").strip(),
        "changed": [],
        "changes": 0,
    }
    assert git(flagperf, "status", "--porcelain") == before


def test_a_changed_checkout_is_a_flag_beside_every_figure(bench: Any, flagperf: Path) -> None:
    flagperf_case(bench)
    settings = flagperf / "training/benchmarks/cpm/pytorch/config/__init__.py"
    settings.write_text(
        settings.read_text().replace("target_embedding_average = 0.92", "target_embedding_average = 0.5")
    )

    bench.run("--sixdim-data", "data", "--sixdim-cards", "1", "-k", "accuracy")

    accuracy = bench.scorecard("cpu-fp32-bs32-1x1", "flagperf_cpm")["dimensions"]["accuracy"]
    assert accuracy["verdict"] == "fail"  # the program's own target counts for nothing
    commit = git(flagperf, "rev-parse", "HEAD")[:9]
    changed = "training/benchmarks/cpm/pytorch/config/__init__.py"
    assert f"the checkout differs from its commit {commit} in 1 file ({changed})" in accuracy["flags"]


def test_a_deepsparkhub_model_runs_as_it_is(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPSPARKHUB", str(STAND_INS / "deepsparkhub"))
    for part in ("train", "val"):
        (bench.path / "data" / "imagenet" / part).mkdir(parents=True)
    text = on_cpu(example("deepsparkhub"), 32, "[2]").replace("1281167", "9600").replace("--amp", "--epochs, 14, --amp")
    (bench.cases / "deepspark_resnet50.case.yaml").write_text(text)

    result = bench.run("-v", "--sixdim-data", "data", "-k", "accuracy or speed")

    card = bench.scorecard("cpu-fp32-bs32-1x2", "deepspark_resnet50")
    assert card["dimensions"]["accuracy"]["verdict"] == "pass", result.stdout.str()
    detail = card["dimensions"][SPEED]["detail"]
    assert len(detail["segments"]) == 5
    assert detail["kinds"]["compute"] > detail["kinds"]["train"] > 0


@pytest.mark.parametrize(
    ("checkout", "said"),
    [
        (None, "$FLAGPERF (flagperf_cpm.case.yaml, train.checkout): the variable is not set"),
        ("nowhere", "nowhere (flagperf_cpm.case.yaml, train.checkout), which is not there"),
        ("data", "which has no file training/benchmarks/cpm/pytorch/run_pretraining.py"),
    ],
)
def test_a_checkout_that_is_not_there_fails_with_its_path(
    bench: Any, monkeypatch: pytest.MonkeyPatch, checkout: str | None, said: str
) -> None:
    (bench.path / "data" / "cpm").mkdir(parents=True)
    monkeypatch.delenv("FLAGPERF", raising=False)
    if checkout is not None:
        monkeypatch.setenv("FLAGPERF", str(bench.path / checkout))
    flagperf_case(bench)

    result = bench.run("--sixdim-data", "data", "--sixdim-cards", "1", "-k", "speed")

    assert result.ret == 1
    assert said in result.stdout.str()
    assert bench.runs() == []


def test_a_plan_needs_no_checkout(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLAGPERF", raising=False)
    flagperf_case(bench)
    assert len(bench.plan("-k", "speed")["runs"]) == 2


def test_somebody_elses_program_is_not_asked_to_generate_data(bench: Any, flagperf: Path) -> None:
    flagperf_case(bench)

    result = bench.run("--sixdim-cards", "1", "-k", "speed")

    assert result.ret == 1
    assert "case flagperf_cpm needs its data set: give --sixdim-data DIR" in result.stdout.str()
    assert bench.runs() == []
