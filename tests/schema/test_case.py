"""Case files that load, and what becomes of them."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from pytest_sixdim.core.case import (
    Band,
    Case,
    Configuration,
    DataSet,
    Limit,
    Log,
    Measure,
    Metric,
    Quick,
    StabilityRule,
    Train,
)
from pytest_sixdim.schema.case import load_case

FULL = """\
sixdim: 1
name: resnet50
title: ResNet-50 v1.5
task: image classification
metric: {name: top1, unit: "%", better: higher, target: 75.9, generated_target: 95, every: 1 epoch, samples: 50000}
data: {path: imagenet, must_contain: [train, val]}
train:
  program: train.py
  launch: torchrun
  args: [--lr, 1e-4, --epochs, 010, --amp, true, --data, "{data}", --text, "{{x}}"]
  timeout: 12 h
  stall: 10 min
log: {format: perflog, stream: stderr, rank: last, file: "logs/*.txt"}
measure: {warmup_steps: 20, steady: false, segment_steps: 100, segment_seconds: 6, segments: 7}
stability: {at: budget, budget: 150000 samples, band: 0.5 points, runs: 3}
limits: {speed: -5 %, power: 300 W, memory: 40960 MiB, linearity: baseline - 0.03, stability: 1.0}
flops_per_sample: 24.6e9
configurations:
  - {vendor: nvidia, precision: amp-bf16, batch_size: 256, cards: [1, 8], nodes: [1, 2]}
  - {vendor: cpu, precision: fp32, batch_size: 32, tag: compiled, args: [--compile, "{cards}"]}
quick: {args: [--epochs, 5], measure: {segment_seconds: 0.5}, batch_size: 8, target: 60}
"""


def test_every_key_arrives_in_the_case(workbench, tmp_path: Path) -> None:
    nvidia = [Configuration("nvidia", "amp-bf16", 256, cards, nodes, line=19) for nodes in (1, 2) for cards in (1, 8)]
    compiled = Configuration("cpu", "fp32", 32, tag="compiled", args=("--compile", "{cards}"), line=20)
    args = ("--lr", "1e-4", "--epochs", "010", "--amp", "true", "--data", "{data}", "--text", "{{x}}")
    assert workbench.case(FULL) == Case(
        name="resnet50",
        title="ResNet-50 v1.5",
        task="image classification",
        path=tmp_path / "tiny.case.yaml",
        metric=Metric("top1", "%", "higher", 75.9, 95.0, "1 epoch", 50000),
        train=Train(tmp_path / "train.py", None, "torchrun", args, 43200.0, 600.0),
        configurations=(*nvidia, compiled),
        data=DataSet("imagenet", ("train", "val")),
        log=Log("perflog", "stderr", "last", "logs/*.txt"),
        measure=Measure(20, False, 100, 6.0, 7),
        stability=StabilityRule("budget", Band(0.5, relative=False, unit="%"), 3, 150000),
        limits={
            "speed": Limit("relative", -0.05),
            "power": Limit("absolute", 300.0, "W"),
            "memory": Limit("absolute", 40.0, "GiB"),
            "linearity": Limit("offset", -0.03),
            "stability": Limit("absolute", 1.0),
        },
        flops_per_sample=24.6e9,
        quick=Quick(("--epochs", "5"), Measure(20, False, 100, 0.5, 7), 8, 60.0),
    )


def test_what_is_left_out_has_the_defaults_of_the_method(workbench) -> None:
    case = workbench.case()
    assert (case.title, case.task, case.data, case.quick) == ("tiny", "", None, None)
    assert (case.log, case.measure, case.stability) == (Log(), Measure(), StabilityRule())
    assert (case.train.launch, case.train.timeout, case.train.stall) == ("torchrun", 86400.0, 1800.0)
    assert [configuration.id for configuration in case.configurations] == ["cpu-fp32-bs32-1x1"]


def test_quick_block_does_not_wait_for_a_steady_speed_unless_it_says_so(workbench, case_text: str) -> None:
    measure = "measure: {segments: 7}\n"
    assert workbench.case(case_text + measure + "quick: {}\n").quick.measure == Measure(steady=False, segments=7)
    assert workbench.case(case_text + "quick: {measure: {steady: true}}\n").quick.measure == Measure(steady=True)


def test_command_stands_in_for_a_program(workbench, case_text: str) -> None:
    text = workbench.changed("program: train.py", 'command: [bash, run.sh, "{seed}", 5]', case_text)
    train = workbench.case(text).train
    assert (train.program, train.command) == (None, ("bash", "run.sh", "{seed}", "5"))


def test_program_may_lie_in_a_folder_beside_the_case(workbench, case_text: str, tmp_path: Path) -> None:
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs" / "a.py").touch()
    text = workbench.changed("program: train.py", "program: programs/a.py", case_text)
    assert workbench.case(text).train.program == tmp_path / "programs" / "a.py"


def test_paths_are_absolute_for_a_relative_file(workbench, case_text: str, monkeypatch, tmp_path: Path) -> None:
    workbench.write(case_text)
    monkeypatch.chdir(tmp_path)
    case = load_case(Path("tiny.case.yaml"), ["cpu"])
    assert case.path.is_absolute()
    assert case.train.program == tmp_path / "train.py"


def test_case_with_a_data_set_may_have_a_target_on_generated_data_alone(workbench, case_text: str) -> None:
    text = workbench.changed("target: 75.9", "generated_target: 95", case_text) + "data: {path: imagenet}\n"
    metric = workbench.case(text).metric
    assert (metric.target, metric.generated_target) == (None, 95.0)


@pytest.mark.parametrize(("written", "seconds"), [("90 s", 90), ("1.5min", 90), ("2 d", 172800), ("5e-1 h", 1800)])
def test_durations_have_a_unit(workbench, case_text: str, written: str, seconds: float) -> None:
    text = workbench.changed("program: train.py", f"program: train.py, timeout: {written}", case_text)
    assert workbench.case(text).train.timeout == seconds


@pytest.mark.parametrize(
    ("dimension", "written", "limit"),
    [
        ("speed", "-5%", Limit("relative", -0.05)),
        ("speed", "baseline - 100 samples/s", Limit("offset", -100.0, "samples/s")),
        ("speed", "5000 samples/s", Limit("absolute", 5000.0, "samples/s")),
        ("power", "+5 %", Limit("relative", 0.05)),
        ("power", "baseline + 10 W", Limit("offset", 10.0, "W")),
        ("memory", "30 GiB", Limit("absolute", 30.0, "GiB")),
        ("memory", "baseline+512 MiB", Limit("offset", 0.5, "GiB")),
        ("linearity", "0.9", Limit("absolute", 0.9)),
        ("stability", "-20 %", Limit("relative", -0.2)),
    ],
)
def test_limits_are_relative_offset_or_absolute(
    workbench, case_text: str, dimension: str, written: str, limit: Limit
) -> None:
    assert workbench.case(f"{case_text}limits: {{{dimension}: {written}}}\n").limits == {dimension: limit}


@pytest.mark.parametrize(
    ("unit", "target", "band", "expected"),
    [
        ("dB", "30", "0.3 dB", Band(0.3, relative=False, unit="dB")),
        ('""', "-2.5", "0.02", Band(0.02, relative=False)),
        ('"%"', "75", "2 %", Band(0.02)),
        ('"%"', "75", "1 point", Band(1.0, relative=False, unit="%")),
    ],
)
def test_band_is_relative_or_in_the_unit_of_the_metric(
    workbench, case_text: str, unit: str, target: str, band: str, expected: Band
) -> None:
    text = workbench.changed(
        'unit: "%", better: higher, target: 75.9', f"unit: {unit}, better: higher, target: {target}", case_text
    )
    assert workbench.case(f"{text}stability: {{band: {band}}}\n").stability.band == expected


def test_a_case_file_costs_few_calls(workbench) -> None:
    """They take a millisecond or so; a YAML parser in pure Python would need ten times as many."""
    path = workbench.write(FULL)
    load_case(path, ["cpu", "nvidia"])  # what only the first one costs
    calls = Counter[str]()
    sys.setprofile(lambda _, event, __: calls.update([event]))
    try:
        load_case(path, ["cpu", "nvidia"])
    finally:
        sys.setprofile(None)
    assert calls["call"] + calls["c_call"] < 3000  # 1,900 were counted


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("$PROGRAMS", "/somewhere", "/somewhere"),
        ("${PROGRAMS}/deep", "/some$where", "/some$where/deep"),
        ("$PROGRAMS/deep", "", "$PROGRAMS/deep"),
        ("$PROGRAMS", None, "$PROGRAMS"),
        ("../beside", None, "../beside"),
        ("/absolute", None, "/absolute"),
    ],
)
def test_a_checkout_is_a_path_as_a_shell_reads_it(
    workbench, monkeypatch: pytest.MonkeyPatch, text: str, value: str | None, expected: str
) -> None:
    if value is None:
        monkeypatch.delenv("PROGRAMS", raising=False)
    else:
        monkeypatch.setenv("PROGRAMS", value)
    before, after = (
        "{program: train.py}",
        f"{{checkout: '{text}', program: a/b.py, directory: c, args: ['{{checkout}}']}}",
    )
    case = workbench.case(workbench.changed(before, after))
    checkout = Path(os.path.normpath(workbench.directory / expected))
    assert (case.train.checkout, case.train.program, case.directory) == (checkout, checkout / "a/b.py", checkout / "c")


def test_without_a_checkout_a_program_is_started_in_a_folder_beside_the_case(workbench) -> None:
    (workbench.directory / "inside").mkdir()
    case = workbench.case(workbench.changed("{program: train.py}", "{program: train.py, directory: inside}"))
    assert case.directory == workbench.directory / "inside"
    assert workbench.case().directory is None
