"""What it means for a figure that its runs were read from logs and not made here (docs/import.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.events import Progress, Segment
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.core.results import Measured

MARK = "imported"
#: Runs are one where so many of their times agree (of whole seconds one more), and such a share: whoever edits a log
#: does not edit them all.
LEAST_ALIKE, ALIKE = 2, 0.5


def imported(run: RunRecord) -> Mapping[str, Any]:
    """What order.json says of the logs that a run was read from; empty for a run that was made."""
    told = run.order.get(MARK)
    return told if isinstance(told, Mapping) else {}


def under_import(measured: Measured, dimension: Dimension, runs: Sequence[RunRecord]) -> Measured:
    """A figure with what a reader must know where some of its runs are imported; any other as it is."""
    logged = [(run, told) for run in runs if (told := imported(run))]
    if not logged:
        return measured
    _, first = logged[0]
    detail = {**measured.detail, **_shown(first, dimension)}
    unknown = measured.unknown
    if measured.value is None and measured.failed is None and measured.not_applicable is None:
        missing = _part(first, "unavailable").get(dimension)
        unknown = f"{MARK}: {missing or unknown or 'not in the logs'}"
    suspect, flags = list(measured.suspect), [MARK, *_notes(first, dimension), *measured.flags]
    if dimension != "accuracy" and first.get("card") is None:
        flags.append("imported: the card is not known (--card), so that no baseline matches")
    suspect += [str(each) for _, told in logged for each in told.get("contradictions") or ()]
    if dimension == "stability":
        suspect += [*_repeated_seeds(runs), *_copies(runs), *_of_others(logged)]
        flags += _unknown_seeds(runs)
    if dimension == "linearity" and measured.value is not None:
        flags.append("imported: nobody can tell whether both sides were run alike")
    return replace(measured, unknown=unknown, suspect=tuple(suspect), flags=tuple(flags), detail=detail)


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = told.get(name)
    return part if isinstance(part, Mapping) else {}


def _notes(told: Mapping[str, Any], dimension: Dimension) -> tuple[str, ...]:
    """What to know of the readings that a figure is made of."""
    notes = _part(told, "notes").get(dimension)
    return tuple(map(str, notes)) if isinstance(notes, list) else ()


def _shown(told: Mapping[str, Any], dimension: Dimension) -> dict[str, Any]:
    """Readings that nobody can lay over the window: shown beside, never judged."""
    undated = _part(told, "undated").get(dimension)
    return {"undated": undated} if isinstance(undated, Mapping) else {}


def _repeated_seeds(runs: Sequence[RunRecord]) -> Iterator[str]:
    first: dict[int, str] = {}
    for run in runs:
        if run.seed is not None and first.setdefault(run.seed, run.name) != run.name:
            yield f"{first[run.seed]} and {run.name} have the same seed, {run.seed}"


def _copies(runs: Sequence[RunRecord]) -> list[str]:
    """The first two runs whose reports came at the same times, or took the same: those of two runs do not."""
    paces = [(run, _pace(run)) for run in runs]
    for (one, its), (other, others) in combinations(paces, 2):
        most = min(len(its), len(others))
        alike = its & others
        least = LEAST_ALIKE + all(time.is_integer() for time in alike)
        if len(alike) >= max(least, ALIKE * most):
            return [f"{one.name} and {other.name} agree in {len(alike)} of {most} times: they seem to be one run"]
    return []


def _pace(run: RunRecord) -> frozenset[float]:
    """The stamps of a run's events but its progress, which may come every second; of a log without stamps, how long its
    segments took and how fast they were."""
    stamps = frozenset(each.t for each in run.events if each.t != each.seen and not isinstance(each, Progress))
    segments = [event for event in run.events if isinstance(event, Segment)]
    return stamps or frozenset(value for each in segments for value in (each.seconds, each.rated) if value)


def _of_others(logged: Sequence[tuple[RunRecord, Mapping[str, Any]]]) -> Iterator[str]:
    """Logs that say that they are of different things."""
    for name in ("submission_benchmark", "submission_platform"):
        said = {run.name: str(text) for run, told in logged if (text := _part(told, "says").get(name)) is not None}
        if len(set(said.values())) > 1:
            yield f"the logs are of different runs, by their {name}: {', '.join(map(' '.join, said.items()))}"


def _unknown_seeds(runs: Sequence[RunRecord]) -> Iterator[str]:
    without = sum(run.seed is None for run in runs)
    if without:
        yield f"imported: {count_of(without, 'log')} of {len(runs)} {'does' if without == 1 else 'do'} not say the seed"
