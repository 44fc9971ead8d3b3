"""The stand-in for amdsmi is like the real package, and the sampler asks it for nothing that the real one lacks."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.stubs.signatures import offered

ROOT = Path(__file__).parent.parent
SAMPLERS = ROOT.parent / "pytest_sixdim" / "samplers"
REAL: dict[str, Any] = json.loads((ROOT / "stubs" / "amdsmi_signatures.json").read_text())


def asked() -> set[str]:
    """What the sampler's files take from the package: functions and "Enumeration.MEMBER"."""
    text = "\n".join(path.read_text() for path in SAMPLERS.glob("amd_smi*.py"))
    return {name for name in re.findall(r"amdsmi\.(amdsmi_\w+|AmdSmi\w+(?:\.\w+)?)", text) if "Exception" not in name}


def test_the_sampler_uses_only_what_the_real_package_has() -> None:
    names = asked()
    assert "amdsmi_get_energy_count" in names
    assert "AmdSmiMemoryType.VRAM" in names
    for name in names:
        enumeration, _, member = name.partition(".")
        if name.startswith("amdsmi_"):
            assert name in REAL["functions"]
        else:
            assert enumeration in REAL["enumerations"]
            assert not member or member in REAL["enumerations"][enumeration]


def test_the_stand_in_has_the_real_package_s_parameters() -> None:
    stand_in = offered(ROOT / "stubs" / "amdsmi.py")
    assert set(stand_in["functions"]) == {name for name in asked() if name.startswith("amdsmi_")}
    for name, parameters in stand_in["functions"].items():
        assert parameters == REAL["functions"][name]
    for enumeration, members in stand_in["enumerations"].items():
        assert set(members) <= set(REAL["enumerations"][enumeration])


@pytest.mark.skipif(importlib.util.find_spec("amdsmi") is None, reason="amdsmi is not installed")
def test_the_installed_package_still_has_them() -> None:
    found = importlib.util.find_spec("amdsmi")
    assert found is not None
    assert found.submodule_search_locations
    functions = offered(Path(found.submodule_search_locations[0]) / "amdsmi_interface.py")["functions"]
    for name in asked():
        if name.startswith("amdsmi_"):
            assert functions[name][: len(REAL["functions"][name])] == REAL["functions"][name]
