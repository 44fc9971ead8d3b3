"""Figures near their limit are measured three times, and the median is judged (docs/method.md, "Verdicts")."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.results import JUDGED, DimensionResult, Measured

#: Window runs made beside the first one.
MORE = 2
#: Near: within so many times the coefficient of variation of the segments' speeds, and at least this share.
VARIATIONS, AT_LEAST = 5, 0.01
#: What is judged beside a dimension's value, of its detail: the median of each is taken too.
BESIDE: Mapping[Dimension, tuple[str, ...]] = {
    "speed": ("kinds",),
    "power": ("card0_watts", "joules_per_sample", "joules_per_sample_of"),
    "memory": ("card0_gib",),
    "linearity": (),
}

_DIGITS = re.compile(r"[\d.]+")


def is_near(result: DimensionResult, variation: float | None) -> bool:
    """Whether a judged figure lies so near to its limit that another run might say otherwise.

    `variation`: the coefficient of variation of the speeds that the window's segments had; None where it is not known.
    """
    if result.dimension not in BESIDE or result.verdict not in JUDGED:
        return False
    margin = max(VARIATIONS * (variation or 0.0), AT_LEAST)
    return any(abs(figure - limit) <= margin * abs(limit) for figure, limit in _compared(result))


def _compared(result: DimensionResult) -> Sequence[tuple[float, float]]:
    if result.compared or result.value is None or not result.limit or result.limit.get("value") is None:
        return result.compared
    return ((result.value, result.limit["value"]),)


def median_of(dimension: Dimension, figures: Mapping[str, Measured]) -> Measured:
    """One measurement out of several.

    Args:
        dimension: what was measured.
        figures: by the name of their run, the first one first.

    Value and what is judged beside it are medians; the rest of the detail is that of the run with the median value,
    and `detail["confirmation"]` has all values by run. One suspect figure makes the median suspect. A run that gives no
    figure decides: crashed, it fails the dimension; not measured, the figure near its limit stays unconfirmed.
    """
    first = next(iter(figures.values()))
    values = {name: figure.value for name, figure in figures.items()}
    for name, figure in figures.items():
        detail = {**first.detail, "confirmation": values}
        if figure.failed is not None:
            return replace(first, failed=f"near its limit and run again: {figure.failed}", detail=detail)
        if figure.value is None:
            why = figure.unknown or "not measured"
            return replace(first, value=None, unknown=f"near its limit, not confirmed: {name}: {why}", detail=detail)
    known = [value for value in values.values() if value is not None]
    middle = statistics.median_low(known)
    own = next(name for name, value in values.items() if value == middle)
    said = ", ".join(shown(value) for value in known)
    return replace(
        figures[own],
        suspect=_together({name: figure.suspect for name, figure in figures.items()}, own),
        flags=(
            f"confirmed: median of {said} {first.unit}".rstrip(),
            *_together({name: figure.flags for name, figure in figures.items()}, own),
        ),
        detail={**figures[own].detail, **_medians(dimension, list(figures.values())), "confirmation": values},
    )


def _together(sentences: Mapping[str, tuple[str, ...]], own: str) -> tuple[str, ...]:
    """The sentences of all runs: those of `own` as they are, the others' under the names of their runs.

    What `own` says too, be it with other figures, is not said again.
    """
    said = {_DIGITS.sub("", text) for text in sentences[own]}
    others = [
        f"{name}: {text}"
        for name, texts in sentences.items()
        for text in texts
        if name != own and _DIGITS.sub("", text) not in said
    ]
    return (*sentences[own], *others)


def _medians(dimension: Dimension, figures: Sequence[Measured]) -> dict[str, Any]:
    return {
        key: _median([figure.detail[key] for figure in figures])
        for key in BESIDE[dimension]
        if all(key in figure.detail for figure in figures)
    }


def _median(values: Sequence[Any]) -> Any:
    """Of numbers, or of tables of numbers, key by key; None where one is missing."""
    if all(isinstance(value, Mapping) for value in values):
        return {key: _median([value.get(key) for value in values]) for key in values[0]}
    return None if any(value is None for value in values) else statistics.median_low(values)
