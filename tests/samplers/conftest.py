"""Stand-ins for cards that are not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.samplers.nvml_cards import Bench
from tests.stubs.nvml import NvmlStub


@pytest.fixture
def nvml(nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Cards of NVIDIA's as the test describes them."""
    bench = Bench(nvml_stub, monkeypatch)
    yield bench
    bench.close()
