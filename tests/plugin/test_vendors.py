"""Vendor profiles of a project's own: ini's sixdim_vendors and the hook, beside and instead of the built-in ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.plugin.conftest import CPU, Bench

PROFILE = """\
sixdim: 1
id: {id}
name: {name}
name_zh: 自制
enumerate: cores
device: cpu
backend: gloo
{more}
"""
#: Two cards, listed and metered by a sampler of one's own; their node is one that every Linux host has.
PAPER = """\
sixdim: 1
id: paper
name: Paper
name_zh: 纸
enumerate: device_nodes
device_nodes: ["null"]
device: cpu
backend: gloo
autoload: false
visible: [PAPER_VISIBLE]
visible_by: uuid
samplers:
  - {sampler: paper, channels: [memory]}
"""
PAPER_SAMPLER = """\
from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Card, Sampler
from pytest_sixdim.samplers.identity import locate


class Paper(Sampler):
    def cards(self):
        return [Card(number, "Paper A4", f"SHEET-{number}", total_bytes=2**30) for number in range(2)]

    def open(self, node, channels):
        self.located = locate(node.devices, self.cards())
        return {"memory": Source("paper", "instant", "card", 1)}

    def read(self, channels):
        return {"memory": [float(card.index) for card in self.located]}
"""
HOOK = """\
from pathlib import Path


def pytest_sixdim_vendors():
    return [Path(__file__).with_name("homemade.yaml")]
"""


def profile(directory: Path, vendor: str = "homemade", name: str = "Homemade", more: str = "") -> None:
    directory.mkdir(exist_ok=True)
    (directory / f"{vendor}.yaml").write_text(PROFILE.format(id=vendor, name=name, more=more), encoding="utf-8")


def ini(bench: Bench, vendors: str) -> None:
    bench.pytester.makeini(f"[pytest]\nsixdim_vendors = {vendors}\n")


@pytest.mark.parametrize("named", ["vendors", "vendors/homemade.yaml"], ids=["directory", "file"])
def test_profiles_of_the_ini_file_are_found_beside_it(bench: Bench, named: str) -> None:
    bench.case(configurations=CPU.replace("vendor: cpu", "vendor: homemade"))
    profile(bench.path / "vendors")
    ini(bench, named)
    plan = bench.plan("--sixdim-vendor", "homemade", "--rootdir", str(bench.path), str(bench.cases))
    assert {run["configuration"] for run in plan["runs"]} >= {"homemade-fp32-bs32-1x1"}


def test_a_profile_takes_the_place_of_a_built_in_one(bench: Bench) -> None:
    bench.case()
    profile(bench.path / "vendors", "nvidia", "Ours")
    ini(bench, "vendors")
    result = bench.run("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.nvidia: measured on cards of Ours"])


def test_the_ini_files_profile_wins_over_the_hooks(bench: Bench) -> None:
    bench.case()
    profile(bench.path, name="Hooked")
    profile(bench.path / "vendors", name="Written")
    (bench.path / "conftest.py").write_text(HOOK)
    result = bench.run("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.homemade: measured on cards of Hooked"])
    ini(bench, "vendors")
    result = bench.run("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.homemade: measured on cards of Written"])


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("no-such.yaml", "ini option sixdim_vendors: *no-such.yaml does not exist"),
        ("empty", "ini option sixdim_vendors: *empty holds no [*].yaml"),
        ("broken", "broken.yaml:3: unknown key 'nmae'; did you mean 'name'?"),
        (
            "twins vendors",
            "ini option sixdim_vendors: */twins/twin.yaml and */vendors/twin.yaml are both of vendor 'twin'",
        ),
        ("second", "exactly one vendor profile must say 'fallback: true'; found: cpu, second"),
    ],
)
def test_what_cannot_be_used_is_one_usage_error(bench: Bench, named: str, expected: str) -> None:
    bench.case()
    (bench.path / "empty").mkdir()
    profile(bench.path / "broken", "broken")
    broken = bench.path / "broken" / "broken.yaml"
    broken.write_text(broken.read_text(encoding="utf-8").replace("name: Homemade", "nmae: Homemade"), encoding="utf-8")
    profile(bench.path / "second", "second", more="fallback: true")
    profile(bench.path / "twins", "twin")
    profile(bench.path / "vendors", "twin")
    ini(bench, named)
    result = bench.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *", f"*{expected}*"] if named == "broken" else [f"ERROR: *{expected}*"])
    assert "Traceback" not in result.stderr.str()


def paper(bench: Bench) -> None:
    bench.case(configurations=CPU.replace("vendor: cpu", "vendor: paper"))
    (bench.path / "vendors").mkdir()
    (bench.path / "vendors" / "paper.yaml").write_text(PAPER, encoding="utf-8")
    (bench.path / "paper_sampler.py").write_text(PAPER_SAMPLER)
    (bench.path / "conftest.py").write_text(
        "def pytest_sixdim_samplers():\n    return {'paper': 'paper_sampler:Paper'}\n"
    )
    ini(bench, "vendors")


def test_cards_that_a_sampler_lists_are_the_sessions_and_ranks_see_their_own_by_uuid(bench: Bench) -> None:
    paper(bench)
    result = bench.run("-m", "accuracy and singlecard", bench.cases)
    result.stdout.fnmatch_lines(["sixdim: vendor paper (/dev/null), 2 cards: Paper A4"])
    result.assert_outcomes(passed=1, deselected=11)
    (path,) = bench.session.glob("*/*/full-1/order.json")
    order = json.loads(path.read_text())
    assert order["environment"] == {"TORCH_DEVICE_BACKEND_AUTOLOAD": "0", "PAPER_VISIBLE": "SHEET-0"}
    (device,) = order["devices"]
    assert (device["id"], device["uuid"], device["total_bytes"]) == ("SHEET-0", "SHEET-0", 2**30)


def test_a_variable_that_names_a_card_by_uuid_limits_a_plan(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    paper(bench)
    monkeypatch.setenv("PAPER_VISIBLE", "SHEET-1")
    result = bench.run("--collect-only", bench.cases)
    result.stdout.fnmatch_lines(["sixdim: vendor paper (/dev/null), 1 cards: Paper A4"])
    monkeypatch.setenv("PAPER_VISIBLE", "SHEET-7")
    result = bench.run("--collect-only", bench.cases)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: PAPER_VISIBLE: no card 'SHEET-7' here; known: 0, SHEET-0, 1, SHEET-1"])
