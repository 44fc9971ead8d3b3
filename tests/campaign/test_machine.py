"""What this host is, and what a training program finds on it."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest

from pytest_sixdim.campaign.machine import VERSIONS, machine, software
from pytest_sixdim.campaign.settings import SettingsError


def test_machine_says_what_the_host_is() -> None:
    found = machine()
    assert found["cpus"] == os.cpu_count()
    assert found["memory_bytes"] > 2**28


def test_noise_is_kept_apart() -> None:
    noise = machine()["noise"]
    assert noise["uptime_seconds"] > 0
    assert noise["load"] >= 0


def site(tmp_path: Path, *files: tuple[str, str]) -> str:
    """An interpreter with a few more packages."""
    for name, text in files:
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path / "site"}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return str(python)


BOOM = "raise RuntimeError('a package was imported')\n"


def test_a_vendors_build_of_torch_is_named_whole(tmp_path: Path) -> None:
    python = site(
        tmp_path,
        ("torch/__init__.py", BOOM),
        ("torch/version.py", "__version__ = '2.1.0+corex.4.1'\ncuda: Optional[str] = '10.2'\nhip = None\n"),
        ("torch-2.1.0.dist-info/METADATA", "Name: torch\nVersion: 2.1.0\n"),
    )
    versions = software(python)
    assert (versions["torch"], versions["cuda"], versions.get("hip")) == ("2.1.0+corex.4.1", "10.2", None)


def test_a_vendors_plugin_is_found_by_the_name_that_is_imported(tmp_path: Path) -> None:
    python = site(
        tmp_path,
        ("torch_npu/__init__.py", BOOM),
        ("torch_npu-2.1.0.post8.dist-info/METADATA", "Name: torch-npu\nVersion: 2.1.0.post8\n"),
        ("accelerator_frameworks/torch/__init__.py", BOOM),
        ("accelerator_torch_plugin-1.16.dist-info/METADATA", "Name: accelerator-torch-plugin\nVersion: 1.16\n"),
        ("accelerator_torch_plugin-1.16.dist-info/RECORD", "accelerator_frameworks/torch/__init__.py,,\n"),
        ("nameless/__init__.py", BOOM),
    )
    versions = software(python, ("torch_npu", "accelerator_frameworks.torch", "nameless", "absent"))
    assert versions["torch_npu"] == "2.1.0.post8"
    assert versions["accelerator_frameworks"] == "1.16"
    assert versions["nameless"] == "unknown"
    assert "absent" not in versions


def test_what_looks_for_versions_runs_under_python_3_8() -> None:
    ast.parse(VERSIONS.read_text(), feature_version=(3, 8))


def test_software_is_that_of_the_training_programs_interpreter() -> None:
    versions = software(sys.executable)
    assert versions["python"] == ".".join(str(part) for part in sys.version_info[:3])


@pytest.mark.parametrize("python", ["/no/such/python", "/bin/false", "/bin/echo"])
def test_an_interpreter_that_is_none_is_refused(python: str) -> None:
    with pytest.raises(SettingsError, match=rf"^--sixdim-python {python}: it does not run as a Python interpreter"):
        software(python)


@pytest.mark.parametrize(
    ("does", "says"),
    [
        ("echo >&2; exit 2", "exit status 2"),
        ("echo one >&2; echo two >&2; exit 1", "two"),
        ("echo hello", "it did not print the versions of its packages"),
    ],
)
def test_what_such_an_interpreter_says_is_one_line(tmp_path: Path, does: str, says: str) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{does}\n")
    python.chmod(0o755)
    with pytest.raises(SettingsError, match=rf": it does not run as a Python interpreter: {says}$"):
        software(str(python))
