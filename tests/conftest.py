"""Hardware that is not there: fixtures that any test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stubs.nvml import NvmlStub, build


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stub of NVML, compiled once."""
    try:
        return build(tmp_path_factory.mktemp("nvml"))
    except RuntimeError as error:
        pytest.skip(str(error))


@pytest.fixture
def nvml_stub(nvml_library: Path, tmp_path: Path) -> NvmlStub:
    """Plays traces through the stub; see tests/stubs/nvml.py."""
    return NvmlStub(nvml_library, tmp_path)
