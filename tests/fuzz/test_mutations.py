"""Whatever is near to an input of the corpus, and whatever is not, breaks no promise of a reader (readers.py)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import mutated
from tests.fuzz.readers import READERS

#: Examples, by what one of each reader costs.
EXAMPLES = {"tool": 40, "results": 80}


@pytest.mark.parametrize("reader", READERS)
def test_mutated_and_arbitrary_inputs_break_no_promise(reader: str) -> None:
    @settings(
        max_examples=EXAMPLES.get(reader, 150), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(data=mutated(reader) | st.binary(max_size=200))
    def try_all(data: Any) -> None:
        READERS[reader](data)

    try_all()
