"""What is known of a vendor's cards, as plain values; written as YAML in pytest_sixdim/vendors (design section 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class CardModel:
    """A card: its id, the exact names that the vendor's tools print, its memory (bytes) and its dense peaks
    (FLOP/s by precision), with their source. `devices`: how many torch devices one such board has."""

    id: str
    names: tuple[str, ...]
    memory: int | None = None
    peaks: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    devices: int = 1

    def peak(self, precision: str) -> float | None:
        """The dense peak that a configuration's precision is held against, FLOP/s: amp-bf16 computes in bf16."""
        return self.peaks.get(precision.removeprefix("amp-"))


@dataclass(frozen=True)
class AdapterChoice:
    """What an adapter must say of itself on this vendor's cards: its architecture's and its framework's name."""

    architecture: str
    framework: str


@dataclass(frozen=True)
class SamplerChoice:
    """A sampler of a profile: which channels it is asked for, by its registered name, with its options.

    `install` says what provides it, for a host where it does not answer. `unverified`: what of the options rests on
    one public source or none, one sentence each.
    """

    sampler: str
    channels: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    install: str = ""
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True)
class VendorProfile:
    """All that differs between vendors.

    Attributes:
        enumerate: how cards are counted where no sampler lists them: "device_nodes" (one a match of `device_nodes`),
            "pci" (one a PCI device of `pci_vendors` and `pci_classes`) or "cores" (one a physical core that this
            process may use; its rank is pinned there).
        device_nodes: glob patterns below /dev that a compute card of this vendor matches; with "pci" what is there
            where a process may use the cards.
        pci_vendors, pci_classes: of the cards, as the kernel writes them ("10de", "0302", or "03" for all of a base
            class); no class: any.
        device, imports, backend: torch device type, modules to import after torch, collective backend.
        autoload: whether torch may load the vendor's plugin by itself (TORCH_DEVICE_BACKEND_AUTOLOAD).
        amp: module with the vendor's `autocast` and `GradScaler`.
        visible: variables that limit which cards a process sees; `container_visible` those that a container runtime
            reads. `visible_by`: what stands in them.
        environment: variables set for every rank.
        fallback: whether a host without any vendor's cards is measured as this one; one profile has it.
        power_scope: what one power reading covers; "module": a board with several devices.
        samplers: in order of preference; the first that answers a channel serves it.
        adapters: by name, what an adapter between framework and card must say of itself here.
        card_lost: texts in a rank's output that mean that the card is gone.
        device_error: that the card failed, or a collective over cards; not what a faulty program brings about as well.
        card_busy: that another process has the card.
        quirks: what else a user of such cards should know, one sentence each.
        unverified: keys of the profile that rest on one public source or none; nobody has tried them on such a card.
    """

    id: str
    name: str
    name_zh: str
    enumerate: Literal["device_nodes", "pci", "cores"]
    device: str
    backend: str
    fallback: bool = False
    device_nodes: tuple[str, ...] = ()
    pci_vendors: tuple[str, ...] = ()
    pci_classes: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    autoload: bool = True
    amp: str = "torch.amp"
    visible: tuple[str, ...] = ()
    visible_by: Literal["index", "uuid"] = "index"
    container_visible: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    power_scope: Literal["card", "module", "package"] = "card"
    samplers: tuple[SamplerChoice, ...] = ()
    cards: tuple[CardModel, ...] = ()
    adapters: Mapping[str, AdapterChoice] = field(default_factory=dict)
    card_lost: tuple[str, ...] = ()
    device_error: tuple[str, ...] = ()
    card_busy: tuple[str, ...] = ()
    quirks: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    path: Path | None = None

    def card_model(self, name: str) -> CardModel | None:
        """The known card that the vendor's tools call exactly `name`."""
        for card in self.cards:
            if name in card.names:
                return card
        return None


def fallback_of(profiles: Iterable[VendorProfile]) -> VendorProfile:
    """What a host is measured as where no vendor's cards are found.

    Raises ValueError unless exactly one profile is marked so.
    """
    marked = [profile for profile in profiles if profile.fallback]
    if len(marked) != 1:
        names = ", ".join(profile.id for profile in marked) or "none"
        raise ValueError(f"exactly one vendor profile must say 'fallback: true'; found: {names}")
    return marked[0]
