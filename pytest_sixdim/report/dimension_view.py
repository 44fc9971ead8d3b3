"""One dimension of a scorecard as the page's template needs it: texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.results import DimensionResult, nature
from pytest_sixdim.report.beside import beside
from pytest_sixdim.report.course import number
from pytest_sixdim.report.escaping import web_link
from pytest_sixdim.report.values import NONE, figure


@dataclass(frozen=True)
class DimensionView:
    """One dimension. `verdict` is None where it was not asked for; `nature`: as in "compute, self-reported"."""

    name: str
    verdict: str | None
    label: str
    figure: str
    unit: str
    nature: str
    reason: str
    limit: str
    baseline: str
    source: str
    source_link: str | None
    origin: str
    score: str
    flags: tuple[str, ...]
    beside: Sequence[tuple[str, str]]


def dimension_view(name: str, result: DimensionResult | None) -> DimensionView:
    """A dimension as texts; "–" where there is nothing."""
    if result is None:
        why = "not asked for in this session"
        return DimensionView(name, None, "not asked", NONE, "", "", why, NONE, NONE, "", None, "", NONE, (), ())
    baseline, limit = result.baseline or {}, result.limit or {}
    origin = [str(baseline[key]) for key in ("date", "origin") if baseline.get(key)]
    default = f" (looser than the default {limit['default']})" if limit.get("default") else ""
    return DimensionView(
        name=name,
        verdict=result.verdict,
        label=result.label,
        figure=figure(name, result.value),
        unit=result.unit if result.value is not None else "",
        nature=nature(result.detail) if result.dimension == "speed" and result.value is not None else "",
        reason=result.reason,
        limit=f"{_limit(result)}{default}" if limit else NONE,
        baseline=" ".join(str(baseline[key]) for key in ("text", "unit", "kind") if baseline.get(key)) or NONE,
        source=str(baseline.get("source") or ""),
        source_link=web_link(str(baseline.get("source"))),
        origin="".join(f", {part}" for part in origin),
        score=NONE if result.score is None else f"{result.score:.2f}",
        flags=result.flags,
        beside=beside(result),
    )


def _limit(result: DimensionResult) -> str:
    """The limit as written, and what it comes to: "-5 %: 950 samples/s"."""
    limit = result.limit or {}
    text, value = str(limit.get("text")), number(limit.get("value"))
    if value is None or shown(value) in text:
        return text
    return f"{text}: {shown(value)} {result.unit}".rstrip()
