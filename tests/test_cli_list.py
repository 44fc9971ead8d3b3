"""`sixdim list`: what cases, configurations, vendors and baselines there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.cli import main
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.vendor import builtin_vendors

CASES = Path(__file__).parent.parent / "cases"
CASE = """\
sixdim: 1
name: {name}
title: A model
task: guessing
metric: {{name: top1, unit: "%", better: higher, target: 75.9}}
data: {{path: things, must_contain: [train]}}
train: {{program: train.py}}
configurations:
  - {{vendor: nvidia, precision: tf32, batch_size: 64, cards: [1, 8]}}
  - {{vendor: cpu, precision: fp32, batch_size: 32}}
"""
BASELINES = """\
sixdim: 1
units: {speed: samples/s, power: W}
entries:
  - {vendor: nvidia, card: a100-sxm4-80gb, nodes: 1, cards: 8, precision: tf32, batch_size: 512, batch_scope: job,
     speed: 7248, speed_kind: train, power: 300, disputed: {power: "of another card"},
     origin: published, source: somebody, date: 2024-04}
  - {vendor: iluvatar, card: bi-v100, nodes: 1, cards: 8, precision: amp, batch_size: 64, speed: 10, speed_kind: whole,
     origin: published, source: somebody}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, case: str = CASE, baselines: str | None = BASELINES, folder: str = "cases") -> Path:
    directory = Path(folder)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "train.py").touch()
    path = directory / f"{name}.case.yaml"
    path.write_text(case.format(name=name))
    if baselines is not None:
        (directory / f"{name}.baselines.yaml").write_text(baselines)
    return path


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["list", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def rows(text: str, start: str) -> list[list[str]]:
    """Cells of the lines that begin so; columns are two spaces apart."""
    return [[cell for cell in line.split("  ") if cell.strip()] for line in text.splitlines() if line.startswith(start)]


def test_a_row_a_case_with_what_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    write("mine")
    write("bare", baselines=None, folder="cases/more")
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    ((path, metric, configurations, baselines, quick),) = rows(out, "cases/mine.case.yaml")
    assert (path, metric.strip()) == ("cases/mine.case.yaml", "top1 >= 75.9 %")
    assert [cell.strip() for cell in (configurations, baselines, quick)] == ["3 of 2 vendors", "2", "no"]
    assert rows(out, "cases/more/bare.case.yaml")[0][3].strip() == "–"
    assert "A model: guessing" in out
    assert out.splitlines()[-1] == "2 cases, 6 configurations of 2 vendors, 2 baselines"


def test_configurations_by_the_ids_that_tests_have_and_with_the_cards_whose_baselines_they_have(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("mine")
    assert main(["list", "--configurations"]) == 0
    out = capsys.readouterr().out
    assert [[cell.strip() for cell in row] for row in rows(out, "nvidia") + rows(out, "cpu")] == [
        ["nvidia-tf32-bs64-1x1", "–"],
        ["nvidia-tf32-bs64-1x8", "a100-sxm4-80gb (published)"],
        ["cpu-fp32-bs32-1x1", "–"],
    ]


def test_baselines_as_they_were_written_with_what_is_doubtful_and_what_they_are_compared_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write("mine")
    assert main(["list", "--baselines"]) == 0
    out = capsys.readouterr().out
    (row,) = rows(out, "nvidia a100-sxm4-80gb tf32 bs512/job 1x8")
    assert [cell.strip() for cell in row[1:]] == ["7248", "–", "300*", "–", "–", "–", "nvidia-tf32-bs64-1x8"]
    (row,) = rows(out, "iluvatar bi-v100 amp bs64 1x8")
    assert row[-1].strip() == "nothing: shown only"
    assert "* disputed: shown beside what is measured, judges nothing" in out
    assert "somebody, 2024-04" in out
    assert "samples/s, train" in out


def test_baselines_of_a_quick_session_and_under_an_adapter_are_compared_with_what_those_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = "vendor: nvidia, card: h200-sxm, nodes: 1, cards: 8, precision: tf32"
    said = "power: 300, origin: published, source: somebody"
    entries = [
        f"  - {{{key}, batch_size: 4, quick: true, {said}}}",
        f"  - {{{key}, batch_size: 64, quick: true, {said}}}",
        f"  - {{{key}, batch_size: 64, adapter: ditorch, {said}}}",
    ]
    write("mine", case=CASE + "quick: {{batch_size: 4}}\n", baselines=BASELINES + "\n".join(entries) + "\n")
    baselines = listed(capsys)["cases"][0]["baselines"]
    assert [baseline["compared_with"] for baseline in baselines[2:]] == [
        ["nvidia-tf32-bs4-1x8"],
        [],
        ["nvidia-tf32-bs64-ditorch-1x8"],
    ]
    only = listed(capsys, "--vendor", "nvidia")["cases"][0]["baselines"]
    assert [baseline["compared_with"] for baseline in only[1:]] == [each["compared_with"] for each in baselines[2:]]


def test_vendors_with_their_cards(capsys: pytest.CaptureFixture[str]) -> None:
    write("mine")
    assert main(["list", "--vendors"]) == 0
    out = capsys.readouterr().out
    (row,) = rows(out, "nvidia")
    assert (row[1].strip(), row[2].strip(), row[-1].strip()) == ("NVIDIA", "cuda, nccl", "2")
    assert "a100-sxm4-80gb" in row[3]
    assert len(rows(out, "iluvatar")) == len(rows(out, "metax")) == 1


def test_only_what_is_of_a_vendor(capsys: pytest.CaptureFixture[str]) -> None:
    write("mine")
    write("bare", baselines=None)
    found = listed(capsys, "--vendor", "iluvatar")
    assert [case["name"] for case in found["cases"]] == ["mine"]
    assert found["cases"][0]["configurations"] == []
    assert [baseline["card"] for baseline in found["cases"][0]["baselines"]] == ["bi-v100"]
    assert [vendor["id"] for vendor in found["vendors"]] == ["iluvatar"]


def test_json_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    write("mine")
    found = listed(capsys)
    assert (found["schema"], found["problems"]) == (1, [])
    (case,) = found["cases"]
    assert case["path"] == "cases/mine.case.yaml"
    assert (case["metric"]["target"], case["data"]) == (75.9, {"path": "things", "must_contain": ["train"]})
    assert [(each["id"], each["line"], each["baselines"]) for each in case["configurations"]] == [
        ("nvidia-tf32-bs64-1x1", 9, []),
        ("nvidia-tf32-bs64-1x8", 9, [4]),
        ("cpu-fp32-bs32-1x1", 10, []),
    ]
    published, other = case["baselines"]
    assert published["figures"]["speed"] == {"text": "7248", "unit": "samples/s", "value": 7248, "card0": False}
    assert (published["disputed"], published["compared_with"]) == (
        {"power": "of another card"},
        ["nvidia-tf32-bs64-1x8"],
    )
    assert (published["path"], published["line"]) == ("cases/mine.baselines.yaml", 4)
    assert other["compared_with"] == []


def test_a_broken_file_is_told_of_and_the_others_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    write("mine")
    write("odd", case=CASE.replace("task:", "tsak:"))
    write("worse", baselines=BASELINES.replace("speed: 10", "speed: ten"))
    assert main(["list"]) == 1
    out, err = capsys.readouterr()
    assert "1 case, " in out
    assert [line.partition(": ")[0] for line in err.splitlines()] == ["odd.case.yaml:4", "worse.baselines.yaml:7"]
    assert "did you mean 'task'?" in err
    assert main(["list", "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert [problem["path"] for problem in problems] == ["cases/odd.case.yaml", "cases/worse.baselines.yaml"]


def test_a_name_that_two_cases_have_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    write("mine")
    write("mine", folder="cases/other")
    assert main(["list"]) == 1
    assert "case name 'mine' is taken by " in capsys.readouterr().err


def test_a_case_that_is_named_twice_is_listed_once_and_hidden_folders_are_left_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = write("mine")
    write("other", folder="cases/.hidden")
    write("third", folder="cases/build")
    assert [case["name"] for case in listed(capsys, "cases", str(path), "cases")["cases"]] == ["mine"]


def test_a_vendor_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    write("mine", case=CASE.replace("vendor: cpu", "vendor: acme"), baselines=None)
    assert main(["list"]) == 1
    assert "unknown vendor 'acme'" in capsys.readouterr().err
    profile = Path("acme.yaml")
    profile.write_text(
        builtin_vendors()["cpu"].read_text().replace("id: cpu", "id: acme").replace("fallback: true", "")
    )
    found = listed(capsys, "--profile", str(profile))
    assert found["cases"][0]["configurations"][-1]["vendor"] == "acme"
    assert "acme" in [vendor["id"] for vendor in found["vendors"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: there is no such file or folder; `sixdim new NAME` makes a case in cases/NAME"),
        (["cases/train.py"], "cases/train.py: the name of a case file ends in .case.yaml"),
        (["empty"], "no case (*.case.yaml) in empty"),
        (["--vendor", "nvidai"], "--vendor: unknown vendor 'nvidai'; did you mean 'nvidia'?"),
        (["--profile", "none.yaml"], "--profile none.yaml: there is no such file"),
    ],
)
def test_what_cannot_be_listed(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("mine")
    Path("empty").mkdir()
    assert main(["list", *arguments]) == 2
    assert f"sixdim list: {said}" in capsys.readouterr().err


def test_the_cases_that_come_with_the_plugin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(CASES.parent)
    found = listed(capsys)
    by_path = {case["path"]: case for case in found["cases"]}
    assert set(by_path) == {str(path.relative_to(CASES.parent)) for path in CASES.rglob("*.case.yaml")}
    for path, case in by_path.items():
        expected = [configuration.id for configuration in load_case(Path(path), builtin_vendors()).configurations]
        assert [configuration["id"] for configuration in case["configurations"]] == expected
