"""The environments of frameworks other than PyTorch, each with an interpreter of its own (make frameworks)."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def interpreter(name: str) -> str:
    """The interpreter of a framework's environment; skips the test where there is none."""
    python = ROOT / ".venv" / "frameworks" / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python.relative_to(ROOT)} is not there: make frameworks")
    return str(python)
