"""What is measured and what is said of it (method.md, "Verdicts")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_sixdim.core.dimensions import Dimension

Verdict = Literal["pass", "fail", "unjudged", "unknown", "suspect", "not applicable"]
VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "unjudged", "unknown", "suspect", "not applicable")


@dataclass(frozen=True)
class Measured:
    """One dimension as measured, before it is judged.

    Attributes:
        value: in `unit`; None where it could not be measured.
        unknown: why there is no value, where there is none.
        failed: what went wrong with a run that the dimension needs (crashed, hung, diverged): the test fails.
        not_applicable: why the question has no answer here.
        suspect: checks that the figure did not pass, one sentence each.
        flags: what a reader should know beside the figure, one short phrase each.
        detail: all that is shown beside the value, plain JSON types, units in the keys or in docs/results.md.
    """

    unit: str
    value: float | None = None
    unknown: str | None = None
    failed: str | None = None
    not_applicable: str | None = None
    suspect: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurements:
    """What was measured of one configuration, with what decides which baseline it may be compared with.

    `card`: the card's id from the vendor profile, None where it is not known. `runs` has one plain record a run, for the scorecard
    and for messages: name, role, seed, status, message, log_tail, directory, speed, accuracy.
    """

    dimensions: Mapping[Dimension, Measured]
    card: str | None
    data: Literal["real", "generated"]
    quick: bool
    short_window: bool = False
    power_cap: float | None = None
    generator: str | None = None
    runs: tuple[Mapping[str, Any], ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DimensionResult:
    """A dimension's verdict.

    `baseline`: the figure compared with (value, text, unit, source, date, origin), None where none matched.
    `limit`: the limit applied (value, text, default: the default's text where the case loosened it), None where none.
    `score`: value over baseline or baseline over value, clipped (method.md, "Scores"); None without a baseline.
    """

    dimension: Dimension
    verdict: Verdict
    reason: str
    unit: str = ""
    value: float | None = None
    baseline: Mapping[str, Any] | None = None
    limit: Mapping[str, Any] | None = None
    score: float | None = None
    flags: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
