"""Whether the cards that were sampled are those that the program trained on: by PCI address or UUID."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_sixdim.core.events import Start
from pytest_sixdim.core.records import CardInfo, SampleLog

_PCI = re.compile(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?")
_UUID = re.compile(r"(?:[a-z]+-)?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")
_PREFIX = re.compile(r"^(?:gpu-|0x)")
_HEX = frozenset(b"0123456789abcdefABCDEF")


@dataclass(frozen=True)
class CardMapping:
    """`problem`: why the readings are not those of the cards that were trained on; `by_number`: nobody can tell;
    `idle`: ranks shared cards, so that fewer were trained on than the configuration says."""

    problem: str | None = None
    by_number: bool = False
    idle: bool = False


def map_cards(start: Start | None, logs: Sequence[SampleLog]) -> CardMapping:
    """What the framework said of each rank's device against the sampled cards, which stand in the order of ranks."""
    cards = [card for log in logs for card in log.cards]
    devices = [device for device in (start.devices if start else None) or () if isinstance(device, Mapping)]
    if len(devices) != len(cards):
        return CardMapping(by_number=True)
    used = set()
    for rank, device in enumerate(devices):
        order = [rank, *(number for number in range(len(cards)) if number != rank)]
        same = {number: same_card(device, cards[number]) for number in order}
        if same[rank] is None:
            return CardMapping(by_number=True)
        found = next((number for number in order if same[number]), None)
        if found is None:
            return CardMapping(f"rank {rank} trained on card {_named(device)}, sampled was {_card(cards[rank])}")
        used.add(found)
    idle = next((card for number, card in enumerate(cards) if number not in used), None)
    if idle is None:
        return CardMapping()
    return CardMapping(f"{_card(idle)} was sampled, no rank trained on it", idle=True)


def same_card(device: Mapping[str, Any], card: CardInfo) -> bool | None:
    """Whether the framework's device is this card; None where the two have no mark of the same kind."""
    pairs = [
        (pci_key(device.get("pci")), pci_key(card.pci)),
        (uuid_key(device.get("uuid")), uuid_key(card.uuid)),
    ]
    equal = [a == b for a, b in pairs if a is not None and b is not None and len(a) == len(b)]
    return any(equal) if equal else None


def pci_key(text: object) -> tuple[int, ...] | None:
    """Domain, bus and device of a PCI address in any of the forms that tools print; None for anything else.

    All zeros, too, are nothing: an extension of torch fills in what it does not know.
    """
    match = _PCI.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    numbers = tuple(int(part or "0", 16) for part in match.groups()) if match else ()
    return numbers if any(numbers) else None


def uuid_key(text: object) -> str | None:
    """What two prints of one UUID have in common: torch prints it without NVIDIA's "GPU-".

    HIP fills its UUID with the letters of a number in hexadecimal; they are that number. Some tools print the bytes
    from the last to the first. None where it is none.
    """
    if not isinstance(text, str):
        return None
    match = _UUID.fullmatch(text.strip().lower())
    if match is None:
        return _PREFIX.sub("", text.strip().lower()) or None
    digits = "".join(match.groups())
    letters = bytes.fromhex(digits)
    if _HEX.issuperset(letters):
        return letters.decode().lower()
    return min(digits, letters[::-1].hex()) if any(letters) else None


def _named(device: Mapping[str, Any]) -> str:
    return str(device.get("pci") or device.get("uuid"))


def _card(card: CardInfo) -> str:
    mark = card.pci or card.uuid or card.id
    return f"card {card.index} ({mark})"
