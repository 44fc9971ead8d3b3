"""Stability: how far full trainings with different seeds lie apart (docs/method.md, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import combinations
from typing import Any

from pytest_sixdim.core.accuracy import Data, convergence, evaluations, target_of
from pytest_sixdim.core.case import Band, Case
from pytest_sixdim.core.dimensions import UNITS
from pytest_sixdim.core.health import cancelled, costs, failure
from pytest_sixdim.core.losses import reported_losses
from pytest_sixdim.core.records import RunRecord, RunResult
from pytest_sixdim.core.results import Measured

#: As published.
RUNS = 5
#: With fewer converged runs the score is 0.
LEAST_CONVERGED = 3
_UNIT = UNITS["stability"]
#: Wide enough that no reported float is rounded.
_EXACT = Context(prec=60)


@dataclass(frozen=True)
class Outcome:
    """A full run as stability sees it: its value where it converged, what went wrong where it did not, or where an
    attempt before it lost a card."""

    run: RunRecord
    value: float | None
    failed: str | None = None
    cancelled: str | None = None


def measure_stability(case: Case, runs: Sequence[RunRecord], *, planned: int, data: Data) -> Measured:
    """The share of full runs whose value lies within the band around the median.

    Args:
        case: its stability rule says which value, at which point, and the band.
        runs: the full runs; their order does not matter.
        planned: how many there should be.
        data: what they trained on.
    """
    rule = case.stability
    if rule.at == "target" and target_of(case, data) is None:
        return Measured(_UNIT, unknown="the case has no target to converge to")
    if rule.at == "budget" and runs and not any(_counts_samples(case, run) for run in runs):
        return Measured(_UNIT, unknown="the program does not report how many samples it trained before an evaluation")
    outcomes = [outcome_of(case, run, data) for run in sorted(runs, key=lambda run: run.index)]
    converged = [outcome.value for outcome in outcomes if outcome.value is not None]
    base = median(converged)
    inside = [
        base is not None and v is not None and within_band(v, base, rule.band) for v in (o.value for o in outcomes)
    ]
    detail: dict[str, Any] = {
        "planned": planned,
        "converged": len(converged),
        "base": None if base is None else float(base),
        "band": {"amount": rule.band.amount, "relative": rule.band.relative, "unit": rule.band.unit},
        "at": rule.at,
        "budget_samples": rule.budget,
        "runs": [_record(outcome, within, base) for outcome, within in zip(outcomes, inside, strict=True)],
    }
    value = score(planned, sum(inside), len(converged)) if len(outcomes) >= planned else None
    wrong = [outcome.failed for outcome in outcomes if outcome.failed]
    if wrong:
        return Measured(_UNIT, value, failed="; ".join(wrong), detail=detail)
    stopped = [outcome.cancelled for outcome in outcomes if outcome.cancelled]
    if value is None or stopped:
        return Measured(
            _UNIT, unknown="; ".join(stopped) or f"{len(outcomes)} of {planned} runs are there", detail=detail
        )
    flags = [] if planned == RUNS else [f"{planned} runs, not {RUNS}: the score meets no published baseline"]
    if len(converged) < LEAST_CONVERGED:
        flags.append(f"{len(converged)} of {planned} runs converged, {LEAST_CONVERGED} are needed")
    return Measured(_UNIT, value, suspect=identical_losses(runs), flags=tuple(flags), detail=detail)


def score(planned: int, inside: int, converged: int) -> float:
    """1 less the share of planned runs that are off, went wrong or did not converge; 0 with too few converged."""
    return inside / planned if converged >= LEAST_CONVERGED else 0.0


def median(values: Sequence[float]) -> Decimal | None:
    """The median in decimal, of the values as reported; between the middle two of an even number; None of none."""
    ordered = sorted(as_reported(value) for value in values)
    if not ordered:
        return None
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return _EXACT.divide(_EXACT.add(low, high), Decimal(2))


def within_band(value: float, base: Decimal, band: Band) -> bool:
    """Whether the value lies inside the band around the base; on its edge is off."""
    allowed = as_reported(band.amount)
    if band.relative:
        allowed = _EXACT.multiply(allowed, abs(base))
    return abs(_EXACT.subtract(as_reported(value), base)) < allowed


def as_reported(value: float) -> Decimal:
    """The decimal that was printed, not the nearest binary fraction."""
    return Decimal(repr(value))


def outcome_of(case: Case, run: RunRecord, data: Data) -> Outcome:
    """What became of a full run: its value at the target or at the budget, as the case says."""
    wrong = failure(run) or costs(run)
    if wrong is not None:
        return Outcome(run, None, failed=wrong)
    stopped = cancelled(run)
    if stopped is not None:
        return Outcome(run, None, cancelled=stopped)
    if case.stability.at == "target":
        reached = convergence(run.events, case.metric, target_of(case, data))
        return Outcome(run, reached.value if reached.met else None)
    budget = case.stability.budget or 0
    at_budget = [e.value for e in evaluations(run.events, case.metric) if (e.trained_samples or -1) >= budget]
    return Outcome(run, at_budget[0] if at_budget else None)


def _counts_samples(case: Case, run: RunRecord) -> bool:
    """Whether a run can tell what it trained on before an evaluation; one that made none or failed shows nothing."""
    found = evaluations(run.events, case.metric)
    return not found or failure(run) is not None or any(event.trained_samples is not None for event in found)


def identical_losses(runs: Sequence[RunRecord]) -> tuple[str, ...]:
    """Runs of different seeds with the same losses at every report of both: a seed ignored, a checkpoint reused."""
    reports = [(run, reported_losses(run.events)) for run in sorted(runs, key=lambda run: run.index)]
    for (one, its), (other, others) in combinations(reports, 2):
        both = min(len(its), len(others))
        unlike = one.seed != other.seed or one.seed is None
        if unlike and both > 1 and its[:both] == others[:both]:
            seeds = [str(run.seed) if run.seed is not None else "unknown" for run in (one, other)]
            return (f"{one.name} and {other.name} report the same {both} losses under seeds {' and '.join(seeds)}",)
    return ()


def ended(run: RunRecord) -> RunResult:
    """How a run that counts as failed ended: itself, else the first of its attempts that a device failed."""
    lost = [earlier.result for earlier in run.earlier if earlier.result.fault == "device"]
    return lost[0] if lost and run.result.finished else run.result


def _record(outcome: Outcome, inside: bool, base: Decimal | None) -> dict[str, Any]:
    """A run as it is shown beside the score."""
    said = "inside" if inside else "off" if outcome.value is not None else "did not converge"
    if outcome.failed or outcome.cancelled:
        said = ended(outcome.run).status
    off_by = None
    if outcome.value is not None and base is not None:
        off_by = float(_EXACT.subtract(as_reported(outcome.value), base))
    return {
        "run": outcome.run.name,
        "seed": outcome.run.seed,
        "value": outcome.value,
        "off_by": off_by,
        "outcome": said,
    }
