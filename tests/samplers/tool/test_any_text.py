"""Whatever a tool prints, the readers of all built-in profiles make of it cards or nothing, and never fail."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_sixdim.samplers.tool.asking import records_of
from pytest_sixdim.samplers.tool.query import Query, query
from pytest_sixdim.samplers.tool.reading import card_reading, chosen
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor


def queries() -> list[Any]:
    """Every query of every built-in profile."""
    found = []
    for vendor, path in builtin_vendors().items():
        for choice in load_vendor(path).samplers:
            if choice.sampler == "command":
                common = {
                    name: value
                    for name, value in choice.options.items()
                    if name not in ("alternatives", "environment", "requires_pci")
                }
                for place, options in enumerate(choice.options["alternatives"]):
                    found.append(pytest.param(query({**common, **options}, vendor), id=f"{vendor}-{place}"))
    return found


PIECES = [
    "| 0    X |",
    " 1MiB / 2MiB |",
    "{",
    "}",
    "[",
    "]",
    '"GPU":',
    '"gpu": 1',
    ":",
    ",",
    "12",
    "W",
    "N/A",
    "DEV ID 7",
]
PIECES += ["index", "\n", "\n", "|", "/", "'", '"', "\0", "℃", "9" * 500, "card0", " : ", "(W)", "-", "0000:01:00.0"]
TEXT = st.lists(st.sampled_from(PIECES) | st.text(string.printable, max_size=8), max_size=40).map(" ".join)


@pytest.mark.parametrize("asked", queries())
@settings(max_examples=40, deadline=None)
@given(text=TEXT)
def test_any_text(asked: Query, text: str) -> None:
    records = records_of(text, asked)
    fields = chosen(asked, records)
    for record in records:
        card_reading(record, fields, asked.same)


@pytest.mark.parametrize("asked", queries())
@pytest.mark.parametrize(
    "text",
    ["9" * 10**6, " " * 10**6, "[\n" * 10**5, "[" * 10**6, "| 0 x" + " " * 10**6 + "|", "a: " * 10**5, "(" * 10**6],
    ids=["digits", "spaces", "lines of brackets", "brackets", "wide row", "labels", "labels that open"],
)
def test_floods_are_no_cards_and_do_not_keep_the_reader_busy(asked: Query, text: str) -> None:
    assert records_of(text, asked) == [] or asked.format == "blocks"
