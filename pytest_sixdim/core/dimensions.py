"""The six dimensions: their names, units and directions (method.md, sections 1 to 6)."""

from __future__ import annotations

from typing import Literal

Dimension = Literal["speed", "power", "memory", "accuracy", "linearity", "stability"]
Better = Literal["higher", "lower"]

#: In the order in which the tests of a configuration run.
DIMENSIONS: tuple[Dimension, ...] = ("speed", "power", "memory", "accuracy", "linearity", "stability")

#: Dimensions read from the window of one run.
WINDOW_DIMENSIONS: tuple[Dimension, ...] = ("speed", "power", "memory")

#: Unit of each dimension's value; accuracy's belongs to the case's metric.
UNITS: dict[str, str] = {
    "speed": "samples/s",
    "power": "W",
    "memory": "GiB",
    "accuracy": "",
    "linearity": "",
    "stability": "",
}

#: Which way is better; accuracy's belongs to the case's metric.
BETTER: dict[str, Better] = {
    "speed": "higher",
    "power": "lower",
    "memory": "lower",
    "accuracy": "higher",
    "linearity": "higher",
    "stability": "higher",
}

Precision = Literal["fp32", "tf32", "fp16", "bf16", "amp-fp16", "amp-bf16", "fp8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "fp16", "bf16", "amp-fp16", "amp-bf16", "fp8")
