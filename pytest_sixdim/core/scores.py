"""Scores for the radar and for ranking, never for verdicts (docs/method.md, "Scores")."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_sixdim.core.dimensions import BETTER, DIMENSIONS, Dimension
from pytest_sixdim.core.results import JUDGED, DimensionResult

#: The highest score of a dimension; memory that a program saves is no speed, so it earns nothing beyond 1.
HIGHEST: Mapping[str, float] = {**dict.fromkeys(DIMENSIONS, 1.25), "memory": 1.0, "accuracy": 1.0}


@dataclass(frozen=True)
class Overall:
    """The geometric mean over `dimensions`, or why there is none ("power unknown").

    Overalls over different sets of dimensions are never ranked.
    """

    value: float | None
    reason: str
    dimensions: tuple[Dimension, ...]

    def __str__(self) -> str:
        return f"none: {self.reason}" if self.value is None else f"{self.value:.3f}"


def ratio_score(dimension: Dimension, value: float, baseline: float) -> float | None:
    """Value over baseline where higher is better, else baseline over value, clipped; None where that divides by 0."""
    over, under = (value, baseline) if BETTER[dimension] == "higher" else (baseline, value)
    if under == 0:
        return None
    return min(max(over / under, 0.0), HIGHEST[dimension])


def overall(results: Mapping[Dimension, DimensionResult | None]) -> Overall:
    """The score of a configuration: 0 if one of its dimensions has 0; none where an applicable one was not judged.

    Dimensions that were not asked for (None) and those that do not apply are left out.
    """
    asked = {dimension: results[dimension] for dimension in DIMENSIONS if results.get(dimension) is not None}
    applicable = {d: result for d, result in asked.items() if result and result.verdict != "not applicable"}
    dimensions = tuple(applicable)
    if not applicable:
        return Overall(None, "no dimension was asked for" if not asked else "no dimension applies", dimensions)
    missing = [f"{d} {result.verdict}" for d, result in applicable.items() if result.verdict not in JUDGED]
    missing += [
        f"{d} has no baseline" for d, result in applicable.items() if result.verdict in JUDGED and result.score is None
    ]
    if missing:
        return Overall(None, ", ".join(missing), dimensions)
    scores = [result.score for result in applicable.values() if result.score is not None]
    if 0 in scores:
        return Overall(0.0, "", dimensions)
    return Overall(math.exp(math.fsum(map(math.log, scores)) / len(scores)), "", dimensions)
