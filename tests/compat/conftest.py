"""Environments that `make test` makes, in which the plugin meets other releases of pytest and pytest-xdist."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.plugin.conftest import Bench

ENVIRONMENTS = Path(sys.prefix) / "compat"


def interpreter(name: str) -> str:
    """The Python of an environment; skips the test where `make test` has not made it."""
    made = ENVIRONMENTS / name / ".made"
    if not made.exists():
        pytest.skip(f"there is no {made}: make it with `make {made}`")
    return str(made.parent / "bin" / "python")


@pytest.fixture
def bench(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(pytester.path))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return Bench(pytester)
