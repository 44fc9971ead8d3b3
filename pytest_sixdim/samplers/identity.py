"""Which card of a source is which device of the order: by UUID, else by PCI address, else by number; never by guess."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_sixdim.samplers import Card, Device, SamplerUnavailable

_PCI = re.compile(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{2}):([0-9a-f]{2})(?:\.([0-7]))?")


def pci_address(text: str) -> str | None:
    """A PCI address as the kernel writes it ("0000:3b:00.0"), from the forms that vendors' tools print
    ("00000000:3B:00.0", "3b:00"); None for anything else."""
    match = _PCI.fullmatch(text.strip().lower())
    if match is None:
        return None
    domain, bus, device, function = match.groups()
    return f"{int(domain or '0', 16):04x}:{bus}:{device}.{function or '0'}"


def locate(devices: Sequence[Device], cards: Sequence[Card]) -> list[Card]:
    """The card of each device, in the order of the devices.

    By number only where a device has neither UUID nor PCI address, or the source prints neither. Raises
    SamplerUnavailable where a device is not among the cards, or not for certain.
    """
    return [_located(device, cards) for device in devices]


def _located(device: Device, cards: Sequence[Card]) -> Card:
    for name in ("uuid", "pci"):
        wanted = getattr(device, name)
        if wanted is None or not all(getattr(card, name) for card in cards):
            continue
        found = [card for card in cards if getattr(card, name) == wanted]
        if len(found) != 1:
            raise SamplerUnavailable(f"{device.id}: {len(found)} of {len(cards)} cards have {name} {wanted}")
        return found[0]
    found = [card for card in cards if card.index == device.index]
    if len(found) != 1:
        raise SamplerUnavailable(f"{device.id}: {len(found)} of {len(cards)} cards have number {device.index}")
    return found[0]
