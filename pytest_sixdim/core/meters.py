"""Which sensor meters what: a card of its own, or a package or board that several share (docs/method.md, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """Meters of one node, those of a package or board that have the same readings made one."""
    joined: list[Meter] = []
    for meter in single:
        shared = meter.source is not None and meter.source.scope in ("package", "module")
        for index, other in enumerate(joined):
            if shared and other.source == meter.source and (other.energy, other.power) == (meter.energy, meter.power):
                name = f"{other.name}, {meter.name.rpartition(' ')[2]}"
                joined[index] = Meter(
                    name,
                    other.energy,
                    other.power,
                    other.energy_source,
                    other.power_source,
                    other.unavailable,
                )
                break
        else:
            joined.append(meter)
    return joined
