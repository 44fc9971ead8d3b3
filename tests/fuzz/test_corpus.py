"""What was found, and attacks written by hand, one file each: every reader keeps its promises (readers.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.readers import CORPUS, READERS, corpus

#: Bytes; a larger attack is made by the test that needs it.
LARGEST = 4096
INPUTS = [pytest.param(name, path, id=f"{name}-{path.stem}") for name in READERS for path in corpus(name)]


@pytest.mark.parametrize(("reader", "path"), INPUTS)
def test_a_kept_input_breaks_no_promise(reader: str, path: Path) -> None:
    READERS[reader](path.read_bytes())


def test_the_corpus_is_small_and_of_readers() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(READERS)
    assert all(path.stat().st_size < LARGEST for name in READERS for path in corpus(name))
