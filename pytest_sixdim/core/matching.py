"""Which baseline a configuration is compared with (docs/method.md, "Matching a baseline"): none is matched nearly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Configuration
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.quantities import count_of, shown
from pytest_sixdim.core.results import Measurements


class Difference(NamedTuple):
    """One part of the key that is not equal: as the baseline has it, with its name; as this run has it."""

    baseline: str
    run: str


@dataclass(frozen=True)
class Match:
    """The baseline that matches, or how the nearest one differs; both None where there are no entries."""

    baseline: Baseline | None
    nearest: str | None = None


def match(
    baselines: Iterable[Baseline],
    configuration: Configuration,
    measurements: Measurements,
    dimension: Dimension | None = None,
) -> Match:
    """The entry that equals the run in all that decides its figures.

    Several may: one with an undisputed figure of `dimension` (where it is given) goes first, then a published one, then
    the newest, then the first.
    """
    compared = [(entry, differences(entry, configuration, measurements)) for entry in baselines]
    equal = [entry for entry, different in compared if not different]
    if equal:
        equal.sort(key=lambda entry: entry.date, reverse=True)
        equal.sort(key=lambda entry: (not _has(entry, dimension), entry.origin != "published"))
        return Match(equal[0])
    if not compared:
        return Match(None)
    _, different = min(compared, key=lambda pair: (pair[0].vendor != configuration.vendor, len(pair[1])))
    theirs, ours = zip(*different, strict=True)
    return Match(None, f"baseline exists for {' and '.join(theirs)}, this run used {' and '.join(ours)}")


def differences(entry: Baseline, configuration: Configuration, measurements: Measurements) -> list[Difference]:
    """Every part of the key that is not equal; none for an entry that matches."""
    card = measurements.card
    pairs = [
        (entry.vendor == configuration.vendor, f"vendor {entry.vendor}", configuration.vendor),
        (
            card is not None and entry.card == card,
            f"card {entry.card}",
            card or "cards that differ or have no name",
        ),
        (entry.precision == configuration.precision, f"precision {entry.precision}", configuration.precision),
        (
            entry.card_batch_size == configuration.batch_size,
            f"batch size {shown(entry.card_batch_size)}",
            f"{configuration.batch_size}",
        ),
        (entry.nodes == configuration.nodes, count_of(entry.nodes, "node"), f"{configuration.nodes}"),
        (entry.cards == configuration.cards, count_of(entry.cards, "card"), f"{configuration.cards}"),
        (_same_data(entry, measurements), *_data(entry, measurements)),
        (entry.quick == measurements.quick, _settings(entry.quick), _settings(measurements.quick)),
        (entry.adapter == configuration.adapter, _adapter(entry.adapter), _adapter(configuration.adapter)),
        (entry.power_cap == measurements.power_cap, _cap(entry.power_cap), _cap(measurements.power_cap)),
    ]
    return [Difference(theirs, ours) for equal, theirs, ours in pairs if not equal]


def stands_for(entry: Baseline, configuration: Configuration) -> bool:
    """Whether a run of the configuration would match, on the entry's own card, data and settings."""
    same = Measurements({}, entry.card, entry.data, entry.quick, power_cap=entry.power_cap, generator=entry.generator)
    return not differences(entry, configuration, same)


def _has(entry: Baseline, dimension: Dimension | None) -> bool:
    return dimension is None or (dimension in entry.figures and dimension not in entry.disputed)


def _same_data(entry: Baseline, measurements: Measurements) -> bool:
    """Figures on generated data compare only where the same generator made it."""
    if entry.data != measurements.data:
        return False
    return entry.data == "real" or (entry.generator is not None and entry.generator == measurements.generator)


def _data(entry: Baseline, measurements: Measurements) -> tuple[str, str]:
    if entry.data != measurements.data:
        return f"{entry.data} data", f"{measurements.data} data"
    return f"data of {entry.generator or 'an unnamed generator'}", measurements.generator or "an unnamed generator"


def _settings(quick: bool) -> str:
    return "quick settings" if quick else "full settings"


def _adapter(adapter: str | None) -> str:
    return f"adapter {adapter}" if adapter else "no adapter"


def _cap(watts: float | None) -> str:
    return "no power cap" if watts is None else f"a power cap of {shown(watts)} W"
