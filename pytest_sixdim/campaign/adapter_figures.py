"""What a figure under an adapter is worth: what the adapter costs on this card, what another card does without it.

Neither judges. Both are shown beside the speed with their sources, None where there is nothing to compare with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.attempts import last_launch
from pytest_sixdim.campaign.files import read_json
from pytest_sixdim.campaign.measure import Taken
from pytest_sixdim.campaign.reading import read_events
from pytest_sixdim.core.adapters import adapter
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Configuration
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.events import Event, Progress, Segment
from pytest_sixdim.core.matching import differences, match
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.core.results import Measured, Measurements
from pytest_sixdim.core.speed import speed_of_kind

NOT_MEASURED = "not measured"
#: What must be equal for two scorecards of one configuration to be compared.
DECIDING = ("card", "data", "quick", "generator", "power_cap")


@dataclass(frozen=True)
class Known:
    """Where figures to compare with are: baselines of the case, and the folder of this session among earlier ones.

    `empty`: what decides which baseline matches, before anything is measured.
    """

    entries: Sequence[Baseline]
    empty: Measurements
    session: Path


def beside_adapter(measured: Measured, dimension: Dimension, taken: Taken, known: Known) -> Measured:
    """Speed and accuracy under an adapter with what is shown beside them; everything else as it is."""
    if taken.configuration.adapter is None or measured.value is None or not taken.runs:
        return measured
    run, plain = taken.runs[0], replace(taken.configuration, adapter=None)
    if dimension == "speed":
        cost = _cost(measured, taken, plain, run, known)
        figures = {"adapter_cost": cost, "against_cuda": _against(measured, taken, known)}
    elif dimension == "accuracy":
        figures = {"tiers": _tiers(measured, taken, plain, run, known)}
    else:
        return measured
    return replace(measured, detail={**measured.detail, **figures})


def _cost(
    measured: Measured, taken: Taken, plain: Configuration, run: RunRecord, known: Known
) -> dict[str, Any] | None:
    """The share of the speed that is lost to the adapter, on the same card: against a stored result without it, else
    against the baseline without it."""
    for directory, result in _stored(taken, plain, run, known):
        speed = result["dimensions"]["speed"]
        if speed is not None and speed["value"] and speed["verdict"] != "suspect":
            return _share(measured.value, speed["value"], "train", f"session {directory.parents[1].name}")
    entry = match(known.entries, plain, known.empty, "speed").baseline
    if entry is None or (native := _speed(entry)) is None or entry.speed_kind is None:
        return None
    return _share(speed_of_kind(measured, entry.speed_kind), native, entry.speed_kind, entry.source)


def _share(speed: float | None, native: float, kind: str, source: str) -> dict[str, Any] | None:
    if speed is None:
        return None
    return {"share": 1 - speed / native, "speed": speed, "native_speed": native, "kind": kind, "source": source}


def _against(measured: Measured, taken: Taken, known: Known) -> dict[str, Any] | None:
    """This speed over that of each card that the adapter stands in for, all else being equal; by card."""
    vendor = adapter(str(taken.configuration.adapter)).stands_for
    theirs = replace(taken.configuration, vendor=vendor, adapter=None)
    ratios: dict[str, float] = {}
    sources: dict[str, str] = {}
    for entry in known.entries:
        other = replace(known.empty, card=entry.card, power_cap=entry.power_cap)
        native = None if differences(entry, theirs, other) else _speed(entry)
        own = speed_of_kind(measured, entry.speed_kind) if entry.speed_kind else None
        if native and own is not None and entry.card not in ratios:
            ratios[entry.card], sources[entry.card] = own / native, f"{entry.speed_kind} speed; {entry.source}"
    return {"ratios": ratios, "sources": sources} if ratios else None


def _speed(entry: Baseline) -> float | None:
    """A baseline's speed, where it may be compared with."""
    figure = entry.figures.get("speed")
    if figure is None or not figure.value or entry.speed_kind is None or "speed" in entry.disputed:
        return None
    return figure.value


def _tiers(measured: Measured, taken: Taken, plain: Configuration, run: RunRecord, known: Known) -> dict[str, Any]:
    """How far accuracy was looked at, each tier for itself: an operator's, a training's first steps, the end's."""
    curve: dict[str, Any] | None = None
    for directory, _ in _stored(taken, plain, run, known):
        other = last_launch(directory, run.name)
        if _seed(other) == run.seed:
            curve = _curve(run.events, read_events(other / "node-0" / "events.jsonl"))
        if curve is not None:
            curve["source"] = f"session {directory.parents[1].name}, {run.name}, seed {run.seed}"
            break
    return {
        "op_level": NOT_MEASURED,
        "loss_curve": curve or f"{NOT_MEASURED}: no run of the same seed and source without the adapter",
        "final_metric": {"value": measured.value, "target_met": measured.detail.get("target_met")},
    }


def _curve(events: Sequence[Event], others: Sequence[Event]) -> dict[str, Any] | None:
    """The mean relative error of the losses that both runs report at the same step or segment; None without any."""
    ours, theirs = _losses(events), _losses(others)
    pairs = [(ours[at], theirs[at]) for at in ours.keys() & theirs.keys() if theirs[at] != 0]
    if not pairs:
        return None
    errors = [abs(own - other) / abs(other) for own, other in pairs]
    return {"reports": len(errors), "mean_relative_error": math.fsum(errors) / len(errors), "largest": max(errors)}


def _losses(events: Sequence[Event]) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], float] = {}
    for event in events:
        if isinstance(event, Segment) and event.loss is not None:
            found[event.kind, event.index] = event.loss
        elif isinstance(event, Progress) and event.loss is not None and event.step is not None:
            found[event.kind, event.step] = event.loss
    return {at: loss for at, loss in found.items() if math.isfinite(loss)}


def _stored(
    taken: Taken, plain: Configuration, run: RunRecord, known: Known
) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Scorecards of the same source on the same card without the adapter: of this session, then of earlier ones, the
    newest first; each with its folder."""
    sessions = sorted((path for path in known.session.parent.glob("*-*") if not path.is_symlink()), reverse=True)
    for session in sorted(sessions, key=lambda path: path != known.session):
        directory = session / taken.case.name / plain.id
        try:
            card = read_json(directory / "scorecard.json")
            sources = {summary.get("program_sha256") for summary in card["runs"]}
            same = all(card[name] == getattr(known.empty, name) for name in DECIDING)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if same and sources == {run.order.get("program_sha256")}:
            yield directory, card


def _seed(directory: Path) -> int | None:
    try:
        seed: int = read_json(directory / "order.json")["seed"]
    except (OSError, ValueError, KeyError):
        return None
    return seed
