"""What is known of a vendor's cards, as plain values; written as YAML in pytest_sixdim/vendors (design section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class CardModel:
    """A card: its id, the exact names that the vendor's tools print, its memory (bytes) and its dense peaks
    (FLOP/s by precision), with their source."""

    id: str
    names: tuple[str, ...]
    memory: int | None = None
    peaks: Mapping[str, float] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class SamplerChoice:
    """A sampler of a profile: which channels it is asked for, by its registered name, with its options."""

    sampler: str
    channels: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VendorProfile:
    """All that differs between vendors.

    Attributes:
        enumerate: how cards are counted: "device_nodes" (one a match of `device_nodes`) or "cores" (one a physical
            core that this process may use; its rank is pinned there).
        device_nodes: glob patterns below /dev that a compute card of this vendor matches.
        device, imports, backend: torch device type, modules to import after torch, collective backend.
        visible: variables that limit which cards a process sees, by index; `container_visible` those that a container
            runtime reads.
        environment: variables set for every rank.
        samplers: in order of preference; the first that answers a channel serves it.
        card_lost: texts in a rank's output that mean that the card is gone.
        unverified: keys of the profile that nobody has tried on such a card.
    """

    id: str
    name: str
    name_zh: str
    enumerate: Literal["device_nodes", "cores"]
    device: str
    backend: str
    device_nodes: tuple[str, ...] = ()
    pci_vendors: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()
    container_visible: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    samplers: tuple[SamplerChoice, ...] = ()
    cards: tuple[CardModel, ...] = ()
    card_lost: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    path: Path | None = None

    def card_model(self, name: str) -> CardModel | None:
        """The known card that the vendor's tools call exactly `name`."""
        for card in self.cards:
            if name in card.names:
                return card
        return None
