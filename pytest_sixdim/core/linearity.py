"""Linearity: speed on many cards against as many times the speed on one (docs/method.md, section 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Configuration
from pytest_sixdim.core.dimensions import UNITS
from pytest_sixdim.core.events import Start
from pytest_sixdim.core.limits import worse_end
from pytest_sixdim.core.quantities import at_least, shown
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.core.results import Measured
from pytest_sixdim.core.speed import speed_of_kind

#: More than this is not credible: usually the single card was slow.
CREDIBLE = 1.05
#: A single-card speed below this share of its own baseline makes the ratio flatter than it is.
REFERENCE = 0.95
#: What both sides must have in common, of their orders; where it is not known what decided them, the places too.
COMMON, PLACES = ("vendor", "launch", "segments"), ("python", "program")
#: What decides a run and differs between the sides by nature, of their orders' identity_parts.
VARYING = frozenset({"configuration", "role", "seed", "nodes", "cards a node", "cards"})
_UNIT = UNITS["linearity"]


def linearity(speed: float, times: int, reference: float) -> float:
    """speed / times / reference. As published: 2575 / 8 / 335 = 0.96."""
    return speed / times / reference


def measure_linearity(
    configuration: Configuration,
    speed: Measured,
    reference: Measured,
    *,
    baseline: Baseline | None = None,
    reference_baseline: Baseline | None = None,
    single_card: Measured | None = None,
    unlike: tuple[str, ...] = (),
) -> Measured:
    """Card linearity on one node, node linearity on several.

    Args:
        configuration: of the many cards or nodes.
        speed: measured under it.
        reference: speed under `configuration.reference`: one card, or one node of as many cards.
        baseline, reference_baseline: of either speed, where there are any.
        single_card: speed on one card, to show card linearity beside node linearity.
        unlike: what `differences` found.
    """
    if configuration.reference is None:
        return Measured(_UNIT, not_applicable="one card")
    nodes = configuration.nodes > 1
    times, unit = (configuration.nodes, "node") if nodes else (configuration.cards, "card")
    sides = ((speed, f"speed on {times} {unit}s"), (reference, f"speed on 1 {unit}"))
    for side, name in sides:
        if side.failed is not None:
            return Measured(_UNIT, failed=f"{name}: {side.failed}")
    for side, name in sides:
        if side.value is None:
            return Measured(_UNIT, unknown=f"{name}: {side.unknown or 'not measured'}")
    kinds = [side.detail.get("kind", "train") for side, _ in sides]
    if kinds[0] != kinds[1]:
        each = " and ".join(f"the {name} is {kind}" for (_, name), kind in zip(sides, kinds, strict=True))
        return Measured(_UNIT, unknown=f"speeds of two kinds: {each}")
    assert speed.value is not None
    assert reference.value is not None
    value = linearity(speed.value, times, reference.value)
    speed_reached = reached(speed, baseline, 1.0)
    reference_reached = reached(reference, reference_baseline, 1.0)
    detail: dict[str, Any] = {
        "of": unit,
        "times": times,
        "speed": speed.value,
        "reference_speed": reference.value,
        "speeds_at_baselines": speed_reached is True and reference_reached is True,
        "card_linearity": _card_linearity(configuration, reference, single_card) if nodes else value,
    }
    neighbours = [run for side, _ in sides for run in side.detail.get("neighbours", ())]
    if neighbours:
        detail["neighbours"] = list(dict.fromkeys(neighbours))
    suspect = [f"{name}: {sentence}" for side, name in sides for sentence in side.suspect]
    suspect += unlike
    if not value <= CREDIBLE:
        suspect.append(f"linearity {shown(value)} is above {CREDIBLE}: usually a slow {unit} under the reference")
    if reached(reference, reference_baseline, REFERENCE) is False:
        suspect.append(f"the speed on 1 {unit} is below {REFERENCE} of its own baseline")
    flags = [f"{name}: {flag}" for side, name in sides for flag in side.flags]
    return Measured(_UNIT, value, suspect=tuple(suspect), flags=tuple(flags), detail=detail)


def reached(speed: Measured, baseline: Baseline | None, share: float) -> bool | None:
    """Whether a speed is at least `share` of its baseline, at the worse end of its rounding; None: nobody knows."""
    figure = baseline.figures.get("speed") if baseline else None
    if baseline is None or figure is None or baseline.speed_kind is None or "speed" in baseline.disputed:
        return None
    value, end = speed_of_kind(speed, baseline.speed_kind), worse_end(figure, "higher")
    return None if value is None or end is None else at_least(value, share * end)


def differences(run: RunRecord, reference: RunRecord, *, differing: Collection[str] = ()) -> tuple[str, ...]:
    """What the two sides of a linearity have not in common though they must, one sentence each.

    Args:
        run: on many cards.
        reference: on one.
        differing: environment variables that differ by nature, such as those that make cards visible.
    """
    parts, others = (dict(side.order.get("identity_parts") or {}) for side in (run, reference))
    found = _unequal(run.order, reference.order, COMMON if parts and others else COMMON + PLACES)
    if parts and others:
        found += _unequal(parts, others, sorted((parts.keys() | others.keys()) - VARYING))
    environments = [dict(side.order.get("environment") or {}) for side in (run, reference)]
    names = (environments[0].keys() | environments[1].keys()) - set(differing)
    found += [
        f"environment variable {name} differs"
        for name in sorted(names)
        if environments[0].get(name) != environments[1].get(name)
    ]
    starts = [next((event for event in side.events if isinstance(event, Start)), None) for side in (run, reference)]
    if starts[0] and starts[1] and starts[0].versions != starts[1].versions:
        found.append("software versions differ")
    return tuple(found)


def _unequal(one: Mapping[str, Any], other: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    pairs = [(key, one.get(key), other.get(key)) for key in keys]
    return [f"{key} differs: {mine!r} and {its!r}" for key, mine, its in pairs if mine != its]


def _card_linearity(configuration: Configuration, node: Measured, card: Measured | None) -> float | None:
    """Of one node, beside the linearity over nodes; None where the single card was not measured."""
    if card is None or card.value is None or node.value is None or configuration.cards == 1:
        return None
    return linearity(node.value, configuration.cards, card.value)
