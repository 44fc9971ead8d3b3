"""--sixdim-adapter: what a result through ditorch is worth, on a stand-in vendor's cards."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from pytest_sixdim.campaign.machine import cpu_name
from tests.plugin.conftest import Bench
from tests.programs.adapter_standins import write_packages

PROFILE = """\
sixdim: 1
id: nova
name: Nova
name_zh: 新星
enumerate: cores
device: npu
backend: hccl
imports: [torch_npu]
samplers:
  - {sampler: nova_memory, channels: [memory], options: {rise: RISE}}
adapters:
  ditorch: {architecture: ascend, framework: torch_npu}
"""
CONFTEST = """\
from pathlib import Path

def pytest_sixdim_vendors():
    return [Path(__file__).parent / "nova.yaml"]

def pytest_sixdim_samplers():
    return {"nova_memory": "nova_memory:NovaMemory"}
"""
SAMPLER = """\
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Sampler

class NovaMemory(Sampler):
    def __init__(self, rise):
        self.rise, self.readings = rise, 0

    def open(self, node, channels):
        self.cards_here = len(node.devices)
        return {"memory": Source("nova_memory", "used")} if "memory" in channels else {}

    def read(self, channels):
        self.readings += 1
        return {"memory": self.cards_here * [2**30 + (self.rise if self.readings > 1 else 0)]}
"""
NOVA = "  - {vendor: nova, precision: fp32, batch_size: 32, cards: [1, 2]}"
ONE, UNDER, UNDER_TWO = "nova-fp32-bs32-1x1", "nova-fp32-bs32-ditorch-1x1", "nova-fp32-bs32-ditorch-1x2"
ALL = ("torch", "torch_npu", "ditorch")
OPTIONS = ("--sixdim-vendor", "nova", "--sixdim-adapter", "ditorch")


class Adapted:
    """A bench with a vendor of its own, and packages for the program alone."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self.packages = bench.path / "packages"
        self.packages.mkdir()
        (self.packages / "nova_memory.py").write_text(SAMPLER)
        (bench.path / "conftest.py").write_text(CONFTEST)
        monkeypatch.setenv("PYTHONPATH", str(self.packages), prepend=os.pathsep)
        for name in [name for name in os.environ if name.startswith(("DITORCH_", "OP_"))]:
            monkeypatch.delenv(name)
        self.profile()

    def profile(self, rise: int = 2**30, *, sampled: bool = True, expected: bool = True) -> None:
        """Cards whose memory rises so much in a run; whether anything reads it; what the adapter should drive."""
        head, samplers, rest = PROFILE.replace("RISE", str(rise)).partition("samplers:")
        read, adapters, pair = rest.partition("adapters:")
        text = head + (samplers + read if sampled else "") + (adapters + pair if expected else "")
        (self.bench.path / "nova.yaml").write_text(text)

    def run(self, *args: str, packages: tuple[str, ...] = ALL, options: tuple[str, ...] = OPTIONS) -> pytest.RunResult:
        write_packages(self.packages, *packages)
        return self.bench.run("-v", *options, *args)

    def dimensions(self, configuration: str = UNDER) -> dict[str, Any]:
        return dict(self.bench.scorecard(configuration)["dimensions"])

    def order(self, run: str, configuration: str = UNDER) -> dict[str, Any]:
        path = self.bench.session / "tiny" / configuration / run / "order.json"
        return dict(json.loads(path.read_text()))


@pytest.fixture
def adapted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Adapted:
    bench.case(extra="limits: {speed: 1 samples/s, stability: 0.8}", configurations=NOVA)
    return Adapted(bench, monkeypatch)


def test_an_active_adapter_is_named_and_proven_and_judged_like_any_result(adapted: Adapted) -> None:
    result = adapted.run("-m", "multicard and (speed or accuracy)")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"*test_speed?{UNDER_TWO}? PASSED*"])
    card = adapted.bench.scorecard(UNDER_TWO)
    assert card["key"]["adapter"] == "ditorch"
    speed = card["dimensions"]["speed"]
    assert not any("ran anything" in flag for flag in speed["flags"])
    said = speed["detail"]["adapter"]
    assert (said["architecture"], said["framework"], said["framework_version"]) == (
        "ascend",
        "torch_npu",
        "2.1.0.post3",
    )
    assert speed["detail"]["adapter_cost"] is None
    assert speed["detail"]["against_cuda"] is None
    tiers = card["dimensions"]["accuracy"]["detail"]["tiers"]
    assert tiers["op_level"] == "not measured"
    assert tiers["loss_curve"].startswith("not measured: ")
    assert tiers["final_metric"] == {"value": 98.0, "target_met": True}
    (run,) = card["runs"]
    assert run["adapter"] == said
    ranks = sorted((adapted.bench.session / "tiny" / UNDER_TWO / "full-1" / "node-0" / "ranks").glob("adapter-*"))
    assert [path.name for path in ranks] == ["adapter-0.json", "adapter-1.json"]
    page = (adapted.bench.session / "report.html").read_text()
    assert "ditorch: ascend through torch_npu 2.1.0.post3" in page


def test_the_program_is_told_of_cuda_and_its_source_stays_as_it_is(adapted: Adapted) -> None:
    source = (adapted.bench.cases / "steps.py").read_bytes()
    adapted.run("-m", "singlecard and speed", options=("--sixdim-vendor", "nova"))
    plain = adapted.order("window-1", ONE)
    adapted.run("-m", "singlecard and speed")
    under = adapted.order("window-1")
    assert under["program_sha256"] == plain["program_sha256"]
    assert (adapted.bench.cases / "steps.py").read_bytes() == source
    assert under["identity"] != plain["identity"]
    assert "adapter" not in plain
    assert (under["adapter"]["name"], under["adapter"]["framework"]) == ("ditorch", "torch_npu")
    run = json.loads((adapted.bench.session / "tiny" / UNDER / "window-1" / "run.json").read_text())
    assert (run["device"], run["backend"], run["imports"]) == ("cuda", "nccl", [])


def test_its_cost_is_shown_against_the_same_source_without_it(adapted: Adapted) -> None:
    adapted.run("-m", "singlecard and (speed or accuracy)", options=("--sixdim-vendor", "nova"))
    plain = adapted.bench.session.name
    adapted.run("-m", "singlecard and (speed or accuracy)")
    dimensions = adapted.dimensions()
    cost = dimensions["speed"]["detail"]["adapter_cost"]
    assert cost["source"] == f"session {plain}"
    assert cost["share"] == pytest.approx(1 - cost["speed"] / cost["native_speed"])
    curve = dimensions["accuracy"]["detail"]["tiers"]["loss_curve"]
    assert (curve["reports"], curve["mean_relative_error"]) == (5, 0.0)
    assert curve["source"] == f"session {plain}, full-1, seed 1"
    assert "adapter cost" in (adapted.bench.session / "report.html").read_text()
    with (adapted.bench.cases / "steps.py").open("a") as file:
        file.write("# another program\n")
    adapted.run("-m", "singlecard and speed")
    assert adapted.dimensions()["speed"]["detail"]["adapter_cost"] is None


def test_the_card_it_stands_in_for_and_a_baseline_without_it_are_shown_beside(adapted: Adapted) -> None:
    same = "nodes: 1, cards: 1, precision: fp32, batch_size: 32, origin: published, source: here"
    (adapted.bench.cases / "tiny.baselines.yaml").write_text(
        "sixdim: 1\nunits: {speed: samples/s}\nentries:\n"
        f"  - {{vendor: nvidia, card: h200, {same}, speed: 1000, speed_kind: train}}\n"
        f"  - {{vendor: nvidia, card: other, {same.replace('32,', '64,')}, speed: 10, speed_kind: train}}\n"
        f"  - {{vendor: nova, card: {cpu_name()!r}, {same}, speed: 2000, speed_kind: whole}}\n"
    )
    adapted.run("-m", "singlecard and speed")
    speed = adapted.dimensions()["speed"]
    against = speed["detail"]["against_cuda"]
    assert against["ratios"] == {"h200": pytest.approx(speed["value"] / 1000)}
    assert against["sources"] == {"h200": "train speed; here"}
    cost = speed["detail"]["adapter_cost"]
    assert (cost["kind"], cost["native_speed"], cost["source"]) == ("whole", 2000.0, "here")
    assert cost["speed"] == speed["detail"]["kinds"]["whole"]


def test_without_a_vendors_plugin_all_six_have_no_answer_also_under_strict(adapted: Adapted) -> None:
    result = adapted.run("--sixdim-strict", packages=("torch", "ditorch"))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*12 not applicable in*"])
    result.stdout.fnmatch_lines(["*full-1 launch_error*adapter ditorch found no vendor plugin*"])
    for dimension, verdict in adapted.dimensions(UNDER_TWO).items():
        assert verdict["verdict"] == "not applicable", dimension
        assert verdict["reason"].startswith("ditorch-noop: no vendor plugin was importable (torch_npu: ")


def test_of_two_plugins_the_last_wins_and_no_figure_counts(adapted: Adapted) -> None:
    adapted.run("-m", "singlecard", packages=(*ALL, "torch_mlu"))
    for dimension in ("speed", "accuracy", "stability"):
        verdict = adapted.dimensions()[dimension]
        assert verdict["verdict"] == "suspect", dimension
        assert (
            "the last plugin won: ditorch drives camb through torch_mlu, the profile of vendor 'nova' expects ascend"
            in verdict["reason"]
        )


@pytest.mark.parametrize(
    ("variables", "rise", "expected", "says"),
    [
        ({"DITORCH_DISABLE_MOCK": "1"}, 2**30, True, "DITORCH_DISABLE_MOCK switches ditorch off on rank 0"),
        ({}, 0, True, "no use of card 0 to be seen: neither memory nor utilisation rose over the run"),
        ({}, 2**30, False, "the profile of vendor 'nova' does not say what it should drive"),
    ],
    ids=["switched off", "card not used", "profile says nothing"],
)
def test_what_does_not_hold_makes_the_figure_suspect(
    adapted: Adapted,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    rise: int,
    expected: bool,
    says: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    adapted.profile(rise, expected=expected)
    adapted.run("-m", "singlecard and speed")
    speed = adapted.dimensions()["speed"]
    assert speed["verdict"] == "suspect"
    assert says in speed["reason"]
    assert speed["detail"]["adapter"]["variables"] == variables


def test_without_readings_of_the_cards_the_result_says_that_nobody_knows(adapted: Adapted) -> None:
    adapted.profile(sampled=False)
    adapted.run("-m", "singlecard and speed")
    speed = adapted.dimensions()["speed"]
    assert speed["verdict"] == "pass"
    assert "no readings of memory or utilisation say whether card 0 ran anything" in speed["flags"]


@pytest.mark.parametrize(
    ("packages", "variables", "says"),
    [
        (("torch", "torch_npu"), {}, "has no module ditorch: clone https://github.com/DeepLink-org/ditorch"),
        (ALL, {"OP_CAPTURE_LIST": "torch.add"}, "OP_CAPTURE_LIST is set: its tools hook into every operator"),
    ],
    ids=["not installed", "operator tools"],
)
def test_what_cannot_run_fails_and_says_what_to_do(
    adapted: Adapted,
    monkeypatch: pytest.MonkeyPatch,
    packages: tuple[str, ...],
    variables: dict[str, str],
    says: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    result = adapted.run("-m", "singlecard and speed", packages=packages)
    result.assert_outcomes(failed=1)
    assert adapted.dimensions()["speed"]["verdict"] == "fail"
    assert says in adapted.dimensions()["speed"]["reason"]


def test_a_program_that_crashes_under_it_crashes_as_ever(adapted: Adapted) -> None:
    adapted.bench.case("tiny", "--fault", "raise", configurations=NOVA)
    result = adapted.run("-m", "singlecard and speed")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*rank 0 exited with code 1: ValueError: boom*"])
    assert "runpy" not in result.stdout.str()


def test_a_case_may_name_the_adapter_itself(adapted: Adapted) -> None:
    both = NOVA.replace("[1, 2]", "1") + "\n" + NOVA.replace("[1, 2]", "1, adapter: ditorch")
    adapted.bench.case(configurations=both)
    adapted.run("-m", "speed", options=("--sixdim-vendor", "nova"))
    assert adapted.dimensions(ONE)["speed"]["detail"].get("adapter") is None
    assert adapted.dimensions(UNDER)["speed"]["detail"]["adapter_cost"]["source"].startswith("session ")
    collected = adapted.bench.run("--collect-only", "-q", *OPTIONS, "-m", "speed")
    assert collected.outlines.count(f"cases/tiny.case.yaml::test_speed[{UNDER}]") == 1


def test_a_case_that_starts_a_command_has_no_place_for_an_adapter(adapted: Adapted) -> None:
    path = adapted.bench.case("own", configurations=NOVA)
    path.write_text(path.read_text().replace("program: steps.py", "command: [python, steps.py]"))
    result = adapted.run("-m", "singlecard and speed")
    result.stdout.fnmatch_lines(["*own.case.yaml*--sixdim-adapter ditorch needs 'program'*"])
