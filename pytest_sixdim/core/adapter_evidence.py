"""Whether a run was really made through the adapter that it names: a figure counts only where all of it holds.

Every rank says that the adapter was active, and printed its banner; it drives what the vendor's profile expects; no
tool hooks into the operators; and the cards' own readings show that they were used, since an adapter may make torch
name any device.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pytest_sixdim.core.records import RunRecord, SampleLog
from pytest_sixdim.core.results import Measured

#: A card was used where its memory rose by so many bytes over the run (less than any framework takes to start), or
#: its utilisation by so many percent.
RISES = {"memory": 16 * 2**20, "utilization": 5.0}
#: What process memory calls its readings: the host's memory says nothing of a card.
OF_THE_HOST = ("proportional set size", "resident set size")
#: What all ranks must have in common.
COMMON = ("architecture", "framework", "framework_version", "module_path", "torch_version", "variables")


@dataclass(frozen=True)
class Check:
    """What is said of a run's adapter.

    `noop`: why the question has no answer, where no rank found a vendor's plugin; `suspect`: conditions that do not
    hold; `flags`: conditions of which nobody knows. `facts`: what the first rank's adapter says of itself.
    """

    noop: str | None
    suspect: tuple[str, ...]
    flags: tuple[str, ...]
    facts: Mapping[str, Any]


def checked(measured: Measured, runs: Iterable[RunRecord]) -> Measured:
    """A measurement, with what the evidence of its runs' adapter makes of it; unchanged for runs without one."""
    checks = [(run, found) for run in runs if (found := check(run)) is not None]
    if not checks:
        return measured
    detail = {**measured.detail, "adapter": dict(checks[0][1].facts)}
    for _, found in checks:
        if found.noop is not None:
            return Measured(measured.unit, not_applicable=found.noop, detail={"adapter": dict(found.facts)})
    suspect, flags = (
        tuple(
            dict.fromkeys(
                f"{run.order['configuration']} {run.name}: {sentence}" if len(checks) > 1 else sentence
                for run, found in checks
                for sentence in getattr(found, kind)
            )
        )
        for kind in ("suspect", "flags")
    )
    return replace(measured, suspect=(*measured.suspect, *suspect), flags=(*measured.flags, *flags), detail=detail)


def check(run: RunRecord) -> Check | None:
    """What the evidence says; None for a run without an adapter."""
    asked: Mapping[str, Any] | None = run.order.get("adapter")
    if not asked:
        return None
    known = [record for record in run.adapter if record.get("active") is not None]
    if known and not any(record["active"] for record in known):
        return Check(_noop(asked, known), (), (), facts(run) or {})
    doubts = [*_ranks(run, asked), *_banners(asked, known), *_pair(run, asked, known), *_tools(asked, known)]
    used, unknown = _use(run.samples)
    return Check(None, (*doubts, *used), tuple(unknown), facts(run) or {})


def facts(run: RunRecord) -> dict[str, Any] | None:
    """What the first rank's adapter says of itself, and what it was expected to say; None for a run without one."""
    asked = run.order.get("adapter")
    if not asked:
        return None
    first = run.adapter[0] if run.adapter else {}
    names = ("active", "architecture", "framework", "framework_version", "module_version", "torch_version", "variables")
    return {
        "name": asked["name"],
        **{name: first.get(name) for name in names},
        "expected": {name: asked.get(name) for name in ("architecture", "framework")},
        "injected_by": "runner",
    }


def _noop(asked: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> str:
    error = next((record["framework_error"] for record in known if record.get("framework_error")), None)
    why = f" ({asked.get('framework')}: {error})" if error else ""
    return f"{asked['name']}-noop: no vendor plugin was importable{why}"


def _ranks(run: RunRecord, asked: Mapping[str, Any]) -> Iterator[str]:
    """Every rank must have found the adapter active, and alike."""
    ranks = run.order["nodes"] * run.order["cards"]
    missing = sorted(set(range(ranks)) - {record.get("rank") for record in run.adapter})
    if missing:
        yield f"{_named(missing)} left no evidence that {asked['name']} was active"
    idle = [record["rank"] for record in run.adapter if record.get("active") is False]
    if idle:
        yield f"{asked['name']} found no vendor plugin on {_named(idle)}"
    off = [record["rank"] for record in run.adapter if record.get("switched_off")]
    if off:
        yield f"{asked['switch']} switches {asked['name']} off on {_named(off)}"
    different = [name for name in COMMON if any(r.get(name) != run.adapter[0].get(name) for r in run.adapter)]
    if different:
        yield f"the ranks' adapters differ in {', '.join(different)}"


def _banners(asked: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """An active adapter says so on its rank's standard output, with the rank's pid; not one that is switched off."""
    silent = [
        record["rank"]
        for record in known
        if record["active"] and not record.get("switched_off") and record.get("banner") is None
    ]
    if silent:
        yield f"{_named(silent)} printed no line of {asked['name']} with its own pid"
    for record in known:
        said = (record.get("banner") or {}).get("framework")
        if said is not None and said != record.get("framework"):
            yield f"rank {record['rank']} printed that {said} is driven, its adapter says {record.get('framework')}"


def _pair(run: RunRecord, asked: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What is driven must be what the profile expects: of several plugins the last importable one wins, silently."""
    vendor, expected = run.order.get("vendor"), (asked.get("architecture"), asked.get("framework"))
    found = {(record.get("architecture"), record.get("framework")) for record in known if record["active"]}
    for architecture, framework in sorted(found, key=str):
        if None in expected:
            yield (
                f"{asked['name']} drives {architecture} through {framework}; the profile of vendor {vendor!r} does not "
                "say what it should drive"
            )
        elif (architecture, framework) != expected:
            yield (
                f"the last plugin won: {asked['name']} drives {architecture} through {framework}, the profile of "
                f"vendor {vendor!r} expects {expected[0]} through {expected[1]}"
            )


def _tools(asked: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A tool that hooks into every operator, and waits for each, has no place in a timed run."""
    loaded = sorted({module for record in known for module in record.get("tool_modules", ())})
    if loaded:
        yield f"the program imported {', '.join(loaded)} of {asked['name']}, which hooks into every operator"


def _use(logs: Sequence[SampleLog]) -> tuple[list[str], list[str]]:
    """Cards that were not used by their own readings, and cards of which nobody knows, a sentence each."""
    idle, unknown = [], []
    for log in logs:
        for place, card in enumerate(log.cards):
            rises = {channel: rise for channel in RISES if (rise := _rise(log, channel, place)) is not None}
            if not rises:
                unknown.append(card.index)
            elif not any(rise >= RISES[channel] for channel, rise in rises.items()):
                idle.append(card.index)
    suspect = f"no use of {_named(idle, 'card')} to be seen: neither memory nor utilisation rose over the run"
    cards = _named(unknown, "card") if any(log.cards for log in logs) else "the cards"
    flag = f"no readings of memory or utilisation say whether {cards} ran anything"
    return [suspect] if idle else [], [flag] if unknown or cards == "the cards" else []


def _rise(log: SampleLog, channel: str, place: int) -> float | None:
    """From the lowest to the highest reading of the card; None where there are fewer than two."""
    source = log.sources.get(channel)
    series = () if source is not None and source.method in OF_THE_HOST else log.series.get(channel, ())
    readings = [value for value in series[place].values if value is not None] if place < len(series) else []
    fact = {"memory": "memory_used_bytes", "utilization": "utilization_percent"}[channel]
    at_edges = (cards[place].get(fact) for _, cards in log.facts if place < len(cards))
    readings += [float(value) for value in at_edges if value is not None]
    return max(readings) - min(readings) if len(readings) > 1 else None


def _named(numbers: Sequence[int], what: str = "rank") -> str:
    """As in "rank 0" and "ranks 0, 1"."""
    return f"{what}{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
