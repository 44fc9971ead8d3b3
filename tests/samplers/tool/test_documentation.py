"""The example of docs/vendors-tools.md is read as the page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_sixdim.samplers.tool.query import NUMBERS, TEXTS, Query
from pytest_sixdim.schema.vendor import load_vendor

PAGE = (Path(__file__).parents[3] / "docs" / "vendors-tools.md").read_text(encoding="utf-8")
CHANNELS = ("power", "memory", "utilization", "temperature")


def block(language: str) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[0]


def test_example_reads_what_the_page_says(
    tools: Any, command: Callable[..., Any], node: Callable[..., Any], tmp_path: Path
) -> None:
    tools.prints("acme-smi", {"-q": block("text")})
    (tmp_path / "acme.yaml").write_text(block("yaml"), encoding="utf-8")
    choice = load_vendor(tmp_path / "acme.yaml").samplers[0]
    assert choice.unverified == ("Whether the power is a mean or of the instant.",)
    sampler = command(**choice.options)
    cards = sampler.cards()
    assert [(card.index, card.name, card.pci) for card in cards] == [
        (0, "Acme A1", "0000:3b:00.0"),
        (1, "Acme A1", "0000:5e:00.0"),
    ]
    assert set(sampler.open(node(list(cards)), choice.channels)) == set(CHANNELS)
    assert sampler.read(CHANNELS) == {
        "power": [212.5, None],
        "memory": [30671 * 2**20, 12 * 2**20],
        "utilization": [97.0, 0.0],
        "temperature": [61.0, 38.0],
    }
    assert sampler.facts()[0]["driver"] == "7.0.3"


def test_every_option_and_field_stands_on_the_page() -> None:
    options = {name for name in Query.__dataclass_fields__ if name != "tool"}
    for name in (*options, *TEXTS, *NUMBERS, "missing", "environment", "requires_pci"):
        assert f"`{name}" in PAGE, name
