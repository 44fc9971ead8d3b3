"""Power fails only if watts and joules per sample are both too high (docs/method.md, "Verdicts")."""

from __future__ import annotations

from pytest_sixdim.core.comparing import (
    Answer,
    Comparable,
    Question,
    comparable,
    limit_of,
    score_of,
    sentence,
    unjudged,
)
from pytest_sixdim.core.limits import worse_end
from pytest_sixdim.core.quantities import at_most, shown


def judge_power(question: Question) -> Answer:
    """Watts against their limit, and joules per sample where they exceed it.

    A baseline's joules per sample come from its own row: watts x cards / speed, compared with ours of the same kind
    of speed. A limit in watts of the case's own decides alone.
    """
    found = comparable(question)
    same_card = question.baseline is None or question.baseline.card == question.measurements.card
    limit = limit_of(question, found, same_card=same_card)
    if limit is None:
        return unjudged(question, found)
    score = score_of(question, found)
    value = question.measured.value if limit.against == "case" else found.value
    assert value is not None
    reason = sentence(question, found, limit)
    watts = (value, limit.value)
    if at_most(value, limit.value):
        return Answer("pass", reason, limit, score=score, compared=(watts,))
    if limit.against == "case":
        return Answer("fail", reason, limit, score=score, compared=(watts,))
    ours, theirs = joules_per_sample(question, found), baseline_joules_per_sample(question, found)
    if ours is None or theirs is None or found.end is None:
        why = "joules per sample cannot be compared: the baseline's row or this run has no speed of a known kind"
        return Answer("unjudged", f"{reason}; {why}", limit)
    allowed = theirs * limit.value / found.end
    energy = f"{shown(ours)} J per sample, at most {shown(allowed)}"
    compared = (watts, (ours, allowed))
    if at_most(ours, allowed):
        return Answer("pass", f"{reason}; {energy}", limit, ("W alone is above its limit",), score, compared)
    return Answer("fail", f"{reason}; {energy}", limit, score=score, compared=compared)


def baseline_joules_per_sample(question: Question, found: Comparable) -> float | None:
    """The baseline row's joules per sample at the worse ends of its figures; None where it has no usable speed."""
    baseline = question.baseline
    speed = baseline.figures.get("speed") if baseline else None
    if baseline is None or speed is None or baseline.speed_kind is None or "speed" in baseline.disputed:
        return None
    slowest = worse_end(speed, "higher")
    if found.end is None or not slowest or slowest <= 0:
        return None
    return found.end * baseline.nodes * baseline.cards / slowest


def joules_per_sample(question: Question, found: Comparable) -> float | None:
    """This run's joules per sample at the baseline's kind of speed; from card 0 where the baseline's watts are."""
    kind = question.baseline.speed_kind if question.baseline else None
    measured: float | None = question.measured.detail.get("joules_per_sample_of", {}).get(kind)
    if kind == "train" and measured is None:
        measured = question.measured.detail.get("joules_per_sample")
    if measured is None or not question.measured.value:
        return None
    return measured * found.value / question.measured.value
