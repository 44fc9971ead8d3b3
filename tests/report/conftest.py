"""A session's folder, and a scorecard on which all six dimensions passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .sessions import SessionFolder


@pytest.fixture
def folder(tmp_path: Path) -> SessionFolder:
    return SessionFolder(tmp_path)


@pytest.fixture
def five(folder: SessionFolder) -> dict[str, Any]:
    """All six dimensions of five runs that passed."""
    return folder.scorecard([folder.run(index, value=76.3 + index / 20) for index in range(1, 6)])
