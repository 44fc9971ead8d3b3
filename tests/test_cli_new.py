"""`sixdim new`: a case that runs as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pytest_sixdim.cli import main
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_case_loads_and_has_two_cpu_configurations(tmp_path: Path) -> None:
    assert main(["new", "mine"]) == 0
    case = load_case(tmp_path / "cases" / "mine" / "mine.case.yaml", builtin_vendors())
    assert case.name == "mine"
    assert [(each.vendor, each.cards) for each in case.configurations] == [("cpu", 1), ("cpu", 1)]
    assert case.quick is not None


def test_paths_and_the_next_command_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "mine", "--directory", "my cases"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "my cases/mine.case.yaml",
        "my cases/train.py",
        "my cases/README.md",
        "",
        "Run it: pytest --sixdim --sixdim-vendor cpu 'my cases'",
    ]
    assert "pytest --sixdim --sixdim-vendor cpu 'my cases'" in Path("my cases/README.md").read_text()


@pytest.mark.parametrize("name", ["2024", "null", "1e5"])
def test_name_that_yaml_could_take_for_something_else_stays_a_name(tmp_path: Path, name: str) -> None:
    assert main(["new", name]) == 0
    assert load_case(tmp_path / "cases" / name / f"{name}.case.yaml", ["cpu"]).name == name


@pytest.mark.parametrize("existing", ["mine.case.yaml", "train.py", "README.md"])
def test_nothing_that_exists_is_overwritten(existing: str, capsys: pytest.CaptureFixture[str]) -> None:
    directory = Path("cases/mine")
    directory.mkdir(parents=True)
    (directory / existing).write_text("precious")
    assert main(["new", "mine"]) == 2
    assert capsys.readouterr().err == f"sixdim new: cases/mine/{existing}: already there; nothing was written\n"
    assert [path.name for path in directory.iterdir()] == [existing]
    assert (directory / existing).read_text() == "precious"


def test_broken_link_is_not_written_through(capsys: pytest.CaptureFixture[str]) -> None:
    Path("cases/mine").mkdir(parents=True)
    Path("cases/mine/train.py").symlink_to("/nowhere")
    assert main(["new", "mine"]) == 2
    assert "cases/mine/train.py: already there" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["my/case", "", "Mine", "my-case", ".."])
def test_bad_name_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", name]) == 2
    assert capsys.readouterr().err == f"sixdim new: name {name!r}: may only have the characters a-z, 0-9 and _\n"
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("directory", "reason"),
    [("file/below", "Not a directory"), ("x" * 300, "File name too long"), ("file", "File exists")],
)
def test_directory_that_cannot_be_made_is_an_error(
    directory: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    assert main(["new", "mine", "--directory", directory]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"sixdim new: {directory}")
    assert error.endswith(f": {reason}\n")


def test_usage_error_exits_2_and_lists_only_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["nwe"])
    assert stop.value.code == 2
    assert "invalid choice: 'nwe'" in capsys.readouterr().err


def test_command_is_installed() -> None:
    command = Path(sys.executable).with_name("sixdim")
    answer = subprocess.run([command, "new", "--help"], capture_output=True, text=True)
    assert answer.returncode == 0
    assert "Nothing is overwritten" in " ".join(answer.stdout.split())


def test_program_reaches_its_target_on_two_cards_by_hand() -> None:
    pytest.importorskip("torch")
    assert main(["new", "mine"]) == 0
    target = yaml.safe_load(Path("cases/mine/mine.case.yaml").read_text())["metric"]["target"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    answer = subprocess.run(
        [*launch, "cases/mine/train.py", "--epochs", "10"],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent.parent)},
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    lines = [line for line in answer.stdout.splitlines() if line.startswith("[sixdim] ")]
    events = [json.loads(line.removeprefix("[sixdim] ")) for line in lines]
    values = [event["value"] for event in events if event["event"] == "evaluation"]
    assert max(values) >= target > values[0]
    assert events[-1]["status"] == "success"
