"""A value against its limit (docs/method.md, "Verdicts")."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_sixdim.core.baseline import Baseline, Figure
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.dimensions import BETTER, Dimension
from pytest_sixdim.core.limits import (
    MEMORY_OF_CARD,
    MIRACLE,
    AppliedLimit,
    applied_limit,
    default_limit,
    worse_end,
)
from pytest_sixdim.core.quantities import at_least, at_most, percent, shown, with_unit
from pytest_sixdim.core.results import Measured, Measurements, Verdict, nature
from pytest_sixdim.core.scores import ratio_score
from pytest_sixdim.core.speed import is_self_reported, speed_of_kind
from pytest_sixdim.core.stability import RUNS


@dataclass(frozen=True)
class Question:
    """What is judged: one dimension of one configuration, measured, with the baseline that matches."""

    dimension: Dimension
    case: Case
    configuration: Configuration
    measurements: Measurements
    measured: Measured
    baseline: Baseline | None
    nearest: str | None

    @property
    def figure(self) -> Figure | None:
        """The baseline's figure of the dimension."""
        return self.baseline.figures.get(self.dimension) if self.baseline else None

    @property
    def quantity(self) -> str:
        """The measured value with its unit, and what it is where it is not what the method asks for."""
        if self.measured.value is None:
            return ""
        text = with_unit(self.measured.value, self.measured.unit)
        what = nature(self.measured.detail) if self.dimension == "speed" else ""
        return f"{text} ({what})" if what else text


@dataclass(frozen=True)
class Answer:
    """A verdict and what goes with it. `compared`: every figure that decided, beside its limit."""

    verdict: Verdict
    reason: str
    limit: AppliedLimit | None = None
    flags: tuple[str, ...] = ()
    score: float | None = None
    compared: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Comparable:
    """A value beside the baseline's figure of the same kind.

    `name` says which value ("compute speed", "power of card 0"); `figure` and its worse `end` are None where there is
    nothing to compare with; `obstacle` then says why, if there is a figure at all.
    """

    name: str
    value: float
    figure: float | None = None
    end: float | None = None
    obstacle: str | None = None


def comparable(question: Question) -> Comparable:
    """The value that the baseline's figure may be compared with."""
    q, figure, value, name = question, question.figure, question.measured.value, str(question.dimension)
    assert value is not None
    if q.baseline is None or figure is None:
        return Comparable(name, value)
    printed = f"the baseline {figure.text} {figure.unit}".rstrip()
    if q.dimension in q.baseline.disputed:
        return Comparable(name, value, obstacle=f"{printed} is disputed: {q.baseline.disputed[q.dimension]}")
    if figure.value is None:
        return Comparable(name, value, obstacle=f"{printed} has no certain unit")
    scope = q.measured.detail.get("scope") or "card"
    if q.dimension == "power" and scope != "card":
        return Comparable(name, value, obstacle=f"{printed} is of a card, this run's of a {scope}")
    own: float | None = value
    if q.dimension == "speed":
        kind = q.baseline.speed_kind
        if kind is None:
            ratio = shown(value / figure.value) if figure.value else "none"
            return Comparable(name, value, obstacle=f"{printed} is of unknown kind; ratio {ratio}")
        own = speed_of_kind(q.measured, kind)
        mine = q.measured.detail.get("kind", "train")
        if own is None and mine != "train":
            ratio = shown(value / figure.value) if figure.value else "none"
            why = f"{printed} is a {kind} speed, this run's a {mine} one; ratio {ratio}"
            return Comparable(name, value, obstacle=why)
        name = name if kind == "train" else f"{kind} speed"
        name = f"self-reported {name}" if is_self_reported(q.measured, kind) else name
    elif q.dimension in ("power", "memory") and figure.card0:
        own = q.measured.detail.get("card0_watts" if q.dimension == "power" else "card0_gib")
        name = f"{name} of card 0"
    elif q.dimension == "stability" and q.baseline.origin == "published":
        planned = q.measured.detail.get("planned", RUNS)
        if planned != RUNS:
            return Comparable(name, value, obstacle=f"a score of {planned} runs meets no published baseline")
    if own is None:
        return Comparable(name, value, obstacle=f"{printed} is of {name}, which this run does not report")
    return Comparable(name, own, figure.value, worse_end(figure, BETTER[q.dimension]))


def limit_of(question: Question, found: Comparable, *, same_card: bool = True) -> AppliedLimit | None:
    """The limit that judges the value; None where there is neither a comparable figure nor a limit of the case.

    Quick stability is judged without a baseline too: the method's 0.8 needs none.
    """
    q, dimension = question, question.dimension
    applies = found.end is not None or (dimension == "stability" and q.measurements.quick)
    return applied_limit(
        dimension,
        default=default_limit(dimension, same_card=same_card) if applies else None,
        case=q.case.limits.get(dimension),
        entry=q.baseline.limits.get(dimension) if q.baseline and found.end is not None else None,
        end=found.end,
    )


def card_limit(measured: Measured) -> AppliedLimit | None:
    """What memory may fill of the fullest card; None where nobody knows how much it has."""
    total = measured.detail.get("total_gib")
    if total is None:
        return None
    return AppliedLimit(
        MEMORY_OF_CARD * total, f"{shown(100 * MEMORY_OF_CARD)} % of the card's {shown(total)} GiB", "method"
    )


def compare(question: Question) -> Answer:
    """Speed, memory, linearity or stability against its limit."""
    found = comparable(question)
    limit = limit_of(question, found)
    if limit is None:
        return unjudged(question, found)
    own = question.measured.value
    assert own is not None
    value = found.value if limit.against == "baseline" else own
    inside = at_least(value, limit.value) if BETTER[question.dimension] == "higher" else at_most(value, limit.value)
    full = card_limit(question.measured) if question.dimension == "memory" else None
    compared = ((value, limit.value), *([(own, full.value)] if full else []))
    if inside and full is not None and not at_most(own, full.value):
        inside, limit = False, full
    flags = [found.obstacle] if found.obstacle else []
    if question.dimension == "speed" and found.figure and found.value > (1 + MIRACLE) * found.figure:
        flags.append(f"{percent(found.value / found.figure - 1)} better than the baseline: more often a mistake")
    if question.dimension == "linearity" and not inside and question.measured.detail.get("speeds_at_baselines"):
        inside = True
        flags.append("one card got faster: both speeds are at or above their baselines")
    reason = sentence(question, found, limit)
    return Answer("pass" if inside else "fail", reason, limit, tuple(flags), score_of(question, found), compared)


def unjudged(question: Question, found: Comparable) -> Answer:
    """There is a value and nothing to judge it by."""
    why = found.obstacle or "measured, no baseline"
    nearest = f"; {question.nearest}" if question.nearest and question.baseline is None else ""
    return Answer("unjudged", f"{why}: {question.quantity}{nearest}")


def score_of(question: Question, found: Comparable) -> float | None:
    """The score of a judged value; None without a comparable baseline."""
    return None if found.figure is None else ratio_score(question.dimension, found.value, found.figure)


def sentence(question: Question, found: Comparable, limit: AppliedLimit) -> str:
    """Value, unit, difference, baseline, limit, source."""
    unit, baseline, figure = question.measured.unit, question.baseline, question.figure
    another = limit.against != "baseline" and found.name != question.dimension
    if found.figure is None or baseline is None or figure is None or another:
        return f"{question.dimension} {question.quantity} ({limit})"
    whose = f"own baseline of {baseline.date}" if baseline.origin == "recorded" else "source"
    source = f"; {whose} {baseline.source}".rstrip() if baseline.source or baseline.origin == "recorded" else ""
    printed = figure.text if figure.unit == unit else f"{figure.text} {figure.unit}"
    stands = f"{found.name} {with_unit(found.value, unit)} is {_difference(question.dimension, found)} {printed}"
    return f"{stands} ({limit}{source})"


def _difference(dimension: Dimension, found: Comparable) -> str:
    """How far from the baseline: a share, or an amount where the value itself is a ratio."""
    assert found.figure is not None
    apart = found.value - found.figure
    if apart == 0:
        return "equal to the baseline"
    ratio = dimension in ("linearity", "stability") or found.figure == 0
    amount = shown(abs(apart)) if ratio else percent(abs(apart / found.figure))
    return f"{amount} {'below' if apart < 0 else 'above'} the baseline"
