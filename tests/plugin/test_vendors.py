"""Vendor profiles of a project's own: ini's sixdim_vendors and the hook, beside and instead of the built-in ones."""

from __future__ import annotations

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
    ini(bench, named)
    result = bench.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: *", f"*{expected}*"] if named == "broken" else [f"ERROR: *{expected}*"])
    assert "Traceback" not in result.stderr.str()
