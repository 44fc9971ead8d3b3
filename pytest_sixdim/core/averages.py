"""Means and spreads of a window's segments."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def trimmed_mean(values: Sequence[float]) -> float:
    """The mean without the highest and the lowest value, unrounded; of fewer than three, the plain mean.

    DeepSpark six_dimension_howto, ResNet-50, epochs 6 to 10: 4938.9237984.
    """
    kept = sorted(values)[1:-1] if len(values) >= 3 else values
    return math.fsum(kept) / len(kept)


def coefficient_of_variation(values: Sequence[float]) -> float | None:
    """Sample standard deviation over mean; None for fewer than two values."""
    return statistics.stdev(values) / statistics.fmean(values) if len(values) > 1 else None
