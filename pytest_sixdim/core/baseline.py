"""Baselines: published or recorded figures of one configuration (method.md, "Matching a baseline")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pytest_sixdim.core.case import Limit
from pytest_sixdim.core.dimensions import Dimension

SpeedKind = Literal["compute", "train", "whole"]

#: How far from a baseline's figure a value may be where neither case nor baseline says (method.md, "Verdicts").
#: Accuracy's limit is the case's target.
DEFAULT_LIMITS: Mapping[Dimension, Limit] = {
    "speed": Limit("relative", -0.05),
    "power": Limit("relative", 0.05),
    "memory": Limit("relative", 0.05),
    "linearity": Limit("offset", -0.05),
    "stability": Limit("absolute", 0.8),
}


@dataclass(frozen=True)
class Figure:
    """One figure of a baseline entry.

    `text` is the figure as written, from which the rounding is read ("12" stands for 11.5 to 12.5). `value` is in the
    dimension's own unit (samples/s, W, GiB, the metric's unit, ratios) where that is certain, else None (a memory in
    "G"), and `text` with `unit` is then only shown. `card0`: read from card 0 only.
    """

    text: str
    unit: str
    value: float | None
    card0: bool = False

    @property
    def rounding(self) -> float:
        """Half a unit of the last printed digit, in the dimension's unit; 0 for a figure without a value."""
        if self.value is None:
            return 0.0
        mantissa, _, exponent = self.text.lower().partition("e")
        digits = len(mantissa.partition(".")[2])
        written = float(self.text)
        scale = self.value / written if written else 1.0
        return float(0.5 * 10.0 ** (int(exponent or 0) - digits) * abs(scale))


@dataclass(frozen=True)
class Baseline:
    """One entry of a baselines file: what it must match, and where it comes from. `path`, `line`: where it stands."""

    vendor: str
    card: str
    nodes: int
    cards: int
    precision: str
    batch_size: int
    figures: Mapping[Dimension, Figure]
    batch_scope: Literal["card", "job"] = "card"
    data: Literal["real", "generated"] = "real"
    quick: bool = False
    adapter: str | None = None
    power_cap: float | None = None
    speed_kind: SpeedKind | None = None
    generator: str | None = None
    limits: Mapping[Dimension, Limit] = field(default_factory=dict)
    origin: Literal["published", "recorded"] = "published"
    source: str = ""
    date: str = ""
    software: str = ""
    note: str = ""
    disputed: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None
    line: int = 1

    @property
    def card_batch_size(self) -> float:
        """Samples a step and card."""
        return self.batch_size if self.batch_scope == "card" else self.batch_size / (self.nodes * self.cards)
