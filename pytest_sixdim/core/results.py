"""What is measured and what is said of it (docs/method.md, "Verdicts")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_sixdim.core.dimensions import Dimension

Verdict = Literal["pass", "fail", "unjudged", "unknown", "suspect", "not applicable"]
VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "unjudged", "unknown", "suspect", "not applicable")
#: The verdicts that compare: a scorecard counts a dimension with one of them as judged.
JUDGED: tuple[Verdict, ...] = ("pass", "fail")


@dataclass(frozen=True)
class Measured:
    """One dimension as measured, before it is judged.

    Attributes:
        value: in `unit`; None where it could not be measured.
        unknown: why there is no value, where there is none.
        failed: what went wrong with a run that the dimension needs (crashed, hung, diverged): the test fails.
        not_applicable: why the question has no answer here.
        unjudged: why the figure says too little to be judged by any limit (memory that a program preallocates).
        suspect: checks that the figure did not pass, one sentence each.
        flags: what a reader should know beside the figure, one short phrase each.
        detail: all that is shown beside the value, plain JSON types, units in the keys or in docs/method.md.
    """

    unit: str
    value: float | None = None
    unknown: str | None = None
    failed: str | None = None
    not_applicable: str | None = None
    unjudged: str | None = None
    suspect: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)


def nature(detail: Mapping[str, Any]) -> str:
    """What a reader must know of a figure with this detail to take it for what it is, as in "compute, self-reported";
    empty for one that is what the method asks for."""
    kind = detail.get("kind", "train")
    words = [*([] if kind == "train" else [str(kind)]), *(["self-reported"] if detail.get("self_reported") else [])]
    return ", ".join(words)


@dataclass(frozen=True)
class Measurements:
    """What was measured of one configuration, with what decides which baseline it may be compared with.

    Attributes:
        card: the card's id from the vendor profile, None where it is not known.
        generator: what made generated data.
        nearest: how the nearest baseline differs, where none matches.
        runs: one plain record a run, for the scorecard and for messages: name, role, seed, status, message, log_tail,
            directory, speed, accuracy.
        imported: the logs that the runs were read from; None where they were made.
    """

    dimensions: Mapping[Dimension, Measured]
    card: str | None
    data: Literal["real", "generated"]
    quick: bool
    short_window: bool = False
    power_cap: float | None = None
    generator: str | None = None
    nearest: str | None = None
    runs: tuple[Mapping[str, Any], ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)
    imported: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class DimensionResult:
    """A dimension's verdict.

    Attributes:
        reason: one sentence: value, unit, limit, baseline, source, difference, or why there is no such verdict.
        baseline: the figure compared with (value, text, unit, kind, source, date, origin), None where none matched.
        limit: the limit applied (value; text; against "baseline" or "case"; default: the default's text where this
            limit is looser), None where none.
        score: value over baseline or baseline over value, clipped (docs/method.md, "Scores"); None where not judged
            or without a baseline.
        compared: every figure that decided, beside its limit; where it is empty, `value` and `limit` say it all.
        detail: that of the measurement; with `disputed`, the reason, where the baseline's figure is disputed: such a
            result does not fail under --sixdim-strict; with `unjudged`, why no limit may judge the figure.
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
    compared: tuple[tuple[float, float], ...] = ()

    @property
    def label(self) -> str:
        """The verdict as people read it; one against a recorded baseline says so: "pass (own baseline, 2026-03-01)"."""
        own = self.baseline is not None and self.baseline.get("origin") == "recorded"
        if self.verdict not in JUDGED or not own or (self.limit or {}).get("against") != "baseline":
            return self.verdict
        return f"{self.verdict} (own baseline, {(self.baseline or {}).get('date')})"
