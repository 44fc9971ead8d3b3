"""docs/deepspark.md: DeepSpark's worked example, from log texts to its figures, by the case that the page shows."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_sixdim.cli import main
from pytest_sixdim.core.accuracy import measure_accuracy
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.linearity import measure_linearity
from pytest_sixdim.core.records import RunRecord, RunResult
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.speed import measure_speed
from pytest_sixdim.core.stability import measure_stability
from pytest_sixdim.core.window import read_window
from pytest_sixdim.dialects import DIALECTS, make_dialect
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.schema.case import load_case

DOCUMENT = Path(__file__).parent.parent / "docs" / "deepspark.md"
PROGRAM = Path(__file__).parent / "programs" / "torchvision_lines.py"


def shown() -> str:
    """The case that the page shows."""
    (text,) = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(text)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    (tmp_path / "resnet50.case.yaml").write_text(shown())
    (tmp_path / "train.py").touch()
    return load_case(tmp_path / "resnet50.case.yaml", ["iluvatar", "cpu"], DIALECTS)


def cards(case: Case, number: int) -> Configuration:
    return next(each for each in case.configurations if each.vendor == "iluvatar" and each.cards == number)


def printed(*arguments: str) -> str:
    """What the training prints."""
    command = [sys.executable, str(PROGRAM), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def run(case: Case, configuration: Configuration, seed: int = 1, *, recorded: bool = True, more: str = "") -> RunRecord:
    """What a training's log says; a line comes every 0.1 s."""
    log = printed(f"--seed={seed}", *more.split())
    job = Job(
        cards=configuration.cards,
        batch_size=configuration.batch_size,
        metric=case.metric.name,
        target=case.metric.target,
        measure=case.measure,
        recorded=recorded,
    )
    dialect = make_dialect(case.log.format, case.log.options, job=job)
    lines = enumerate(log.splitlines())
    events = [event for index, line in lines for event in dialect.read(line, seen=100 + 0.1 * index, rank=0)]
    result = RunResult("completed", "program")
    return RunRecord("full", seed, seed, result, tuple(events), (), {}, Path(f"full-{seed}"))


def speed(case: Case, configuration: Configuration, more: str = "") -> Measured:
    events = run(case, configuration, more=more).events
    window = read_window(events, case.measure, configuration, recorded=True)
    return measure_speed(window, cards=configuration.cards)


def test_the_page_needs_fewer_than_25_lines() -> None:
    assert len(shown().splitlines()) < 25


def test_the_speed_is_the_unrounded_mean_of_the_middle_three_epochs(case: Case) -> None:
    measured = speed(case, cards(case, 8))
    assert measured.value == pytest.approx(4938.9237984, abs=1e-7)
    assert measured.detail["kinds"] == {"compute": measured.value, "train": None, "whole": None}
    assert measured.detail["self_reported"]
    assert not measured.suspect
    assert "4938.9237984" in DOCUMENT.read_text(encoding="utf-8")


def test_the_accuracy_is_that_of_the_epoch_that_met_the_target(case: Case) -> None:
    measured = measure_accuracy(case, [run(case, cards(case, 8))], "real")
    assert measured.value == 77.360
    assert measured.detail["target_met"]
    assert measured.detail["evaluation"]["epoch"] == 64
    assert measured.detail["evaluations"] == 65


def test_five_trainings_are_stable(case: Case) -> None:
    runs = [run(case, cards(case, 8), seed) for seed in range(1, 6)]
    measured = measure_stability(case, runs, planned=5, data="real")
    assert (measured.value, measured.detail["base"]) == (1.0, 77.010)
    assert not measured.suspect


def test_linearity_is_the_quotient_of_two_more_logs(case: Case) -> None:
    eight, one = cards(case, 8), cards(case, 1)
    measured = measure_linearity(
        eight, speed(case, eight, "--speed=2575"), speed(case, one, "--speed=335"), baseline=None
    )
    assert measured.value == pytest.approx(2575 / 8 / 335)
    assert round(measured.value or 0, 2) == 0.96


def test_with_the_samples_of_an_epoch_a_live_run_is_timed_too(case: Case) -> None:
    """Four lines a tenth of a second apart and an evaluation of another: an epoch lasts 0.4 s."""
    options = {**case.log.options, "samples_per_epoch": 1281167}
    timed = replace(case, log=replace(case.log, options=options))
    configuration = cards(case, 8)
    events = run(timed, configuration, recorded=False).events
    segments = [event for event in events if event.kind == "segment"]
    assert [event.seconds for event in segments[:5]] == pytest.approx([0.4] * 5)
    assert [event.samples for event in segments[:5]] == [1281167] * 5
    assert [event.rated for event in segments[:5]] == pytest.approx(
        [4910.795658460139, 4980.222383258538, 5032.905842259754, 4925.753353494863, 4845.4628560647725]
    )
    assert {event.rated_as for event in segments} == {"compute"}
    assert [event.seconds for event in events if event.kind == "evaluation"] == pytest.approx([0.1] * 65)


def test_the_command_of_the_page_imports_logs(tmp_path: Path, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its monitor's log is the example's five readings (six_dimension_howto), in the shape that ixsmi prints."""
    monkeypatch.chdir(tmp_path)
    for seed in range(1, 6):
        Path(f"seed{seed}.log").write_text(printed(f"--seed={seed}", "--speed=2575"))
    Path("one_card.log").write_text(printed("--speed=335"))
    readings = zip((161, 169, 161, 174, 163), (30671, 30670, 30671, 30671, 30670), strict=True)
    Path("ixsmi.log").write_text(
        "".join(
            f"        Power Draw                              : {power} W\n"
            f"   Used                                    : {memory}  MiB\n"
            for power, memory in readings
        )
    )
    (command,) = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    assert (program, main(arguments)) == ("sixdim", 0)
    scorecard = tmp_path / "results/latest/resnet50/iluvatar-amp-fp16-bs512-amp-1x8/scorecard.json"
    dimensions = json.loads(scorecard.read_text())["dimensions"]
    assert dimensions["speed"]["value"] == pytest.approx(2575)
    assert dimensions["accuracy"]["value"] == 77.360
    assert dimensions["stability"]["value"] == 1.0
    assert round(dimensions["linearity"]["value"], 2) == 0.96
    assert dimensions["power"]["verdict"] == dimensions["memory"]["verdict"] == "unknown"
    assert dimensions["power"]["detail"]["undated"]["mean"] == pytest.approx(165.6)
    assert dimensions["memory"]["detail"]["undated"]["mean"] == pytest.approx(30670.6)
