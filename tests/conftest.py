"""Hardware that is not there: fixtures that any test may use."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.stubs.nvml import NvmlStub, build

#: What tests send to processes of theirs. nohup, and a shell that starts something in the background, ignore them; all
#: that is started below would too.
for sent in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(sent) is signal.SIG_IGN:
        signal.signal(sent, signal.default_int_handler if sent == signal.SIGINT else signal.SIG_DFL)


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
