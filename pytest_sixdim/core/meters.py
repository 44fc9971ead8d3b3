"""Which sensor meters what: a card of its own, or a package or board that several share (docs/method.md, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_sixdim.core.readings import present
from pytest_sixdim.core.records import SampleLog, Series, Source


@dataclass(frozen=True)
class Meter:
    """What meters one card, or one package.

    `energy` and `power` are None where no reading ever came; `unavailable` then says why, as far as it is known.
    """

    name: str
    energy: Series | None
    power: Series | None
    energy_source: Source | None
    power_source: Source | None
    unavailable: str

    @property
    def source(self) -> Source | None:
        """The source of the figure: the counter where there is one."""
        return self.energy_source if self.energy is not None else self.power_source


def meters(logs: Sequence[SampleLog]) -> tuple[Meter, ...]:
    """The meters of all nodes, in the order of nodes and cards.

    Cards of one package, or chips of one board (scope "module"), share one reading: they are one meter, named after all
    of them, never counted twice.
    """
    return tuple(
        meter
        for node, log in enumerate(logs)
        for meter in _joined(
            [_meter(log, card, f"node {node} " if len(logs) > 1 else "") for card in range(len(log.cards))]
        )
    )


def _meter(log: SampleLog, card: int, prefix: str) -> Meter:
    energy, power = _series(log, "energy", card), _series(log, "power", card)
    reasons = [log.unavailable[channel] for channel in ("energy", "power") if channel in log.unavailable]
    return Meter(
        name=f"{prefix}card {log.cards[card].index}",
        energy=energy,
        power=power,
        energy_source=log.sources.get("energy") if energy else None,
        power_source=log.sources.get("power") if power else None,
        unavailable="; ".join(dict.fromkeys(reasons)) or "no reading came",
    )


def _series(log: SampleLog, channel: str, card: int) -> Series | None:
    series = log.series.get(channel, ())
    if card >= len(series) or not present(series[card]):
        return None
    return series[card]


def _joined(single: Sequence[Meter]) -> list[Meter]:
    """Meters of one node, those whose readings come from one sensor made one: with the readings of the card that missed
    the fewest."""
    of: dict[tuple[object, ...], list[Meter]] = {}
    for card, meter in enumerate(single):
        shared = meter.source.sensors if meter.source is not None else None
        key = ("card", card) if shared is None else (meter.source, shared[card])
        of.setdefault(key, []).append(meter)
    return [_one_of(sharing) for sharing in of.values()]


def _one_of(sharing: Sequence[Meter]) -> Meter:
    best = max(sharing, key=lambda meter: sum(len(present(s)) for s in (meter.energy, meter.power) if s is not None))
    names = [sharing[0].name, *(meter.name.rpartition(" ")[2] for meter in sharing[1:])]
    return replace(best, name=", ".join(names))
