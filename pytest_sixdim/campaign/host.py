"""This host: whose cards it has, found once a session and without importing torch."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pytest_sixdim.campaign.kernel import Places, device_nodes, pci_devices
from pytest_sixdim.campaign.pool import counted, from_cards, limited, names_cards
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.closest import unknown_name
from pytest_sixdim.core.vendor import VendorProfile, fallback_of
from pytest_sixdim.samplers import Card, Device

#: Lists all cards of a vendor, by a source that knows their names; empty where none answers.
Ask = Callable[[VendorProfile], Sequence[Card]]
HERE = Places()


@dataclass(frozen=True)
class Host:
    """The vendor of this host's cards, how it was found, and the cards that this session may use.

    `limited_by`: the variable of the environment that hides some cards, where one does. `mixed`: which cards there are
    where they differ: one run on different cards measures neither.
    """

    vendor: str
    found: str
    devices: tuple[Device, ...]
    limited_by: str | None = None
    mixed: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain types."""
        return {**asdict(self), "devices": [device_record(device) for device in self.devices]}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Host:
        """The reverse of to_json."""
        devices = tuple(map(device_of, record["devices"]))
        return cls(**{**record, "devices": devices})


def device_record(device: Device) -> dict[str, Any]:
    """A card as order.json lists it."""
    return {**asdict(device), "cores": None if device.cores is None else list(device.cores)}


def device_of(record: Mapping[str, Any]) -> Device:
    """The reverse of device_record."""
    return Device(**{**record, "cores": None if record["cores"] is None else tuple(record["cores"])})


def find_host(
    profiles: Mapping[str, VendorProfile],
    asked: str,
    ask: Ask | None = None,
    *,
    look: bool = False,
    places: Places = HERE,
    environment: Mapping[str, str] = os.environ,
) -> Host:
    """The host as --sixdim-vendor asks for it: a vendor's id, or "auto".

    auto: a vendor is found by its device nodes and its PCI devices (`evidence`); none: the fallback.
    ask: lists a vendor's cards by its own library or tool; None: they are counted as the profile says.
    look: nothing is to be launched, so that `ask` is only asked where a visible-devices variable can't be read without.
    Raises SettingsError for an unknown vendor, for auto where two vendors are found, and for a visible-devices variable
    that names no card.
    """
    if asked not in ("auto", "all"):
        if asked not in profiles:
            raise SettingsError(f"--sixdim-vendor: {unknown_name('vendor', asked, [*profiles, 'auto', 'all'])}")
        profile, found = profiles[asked], "--sixdim-vendor"
    else:
        profile, found = _identified(profiles, places, asked)
    if look and not names_cards(profile, environment):
        ask = None
    listed = ask(profile) if ask is not None and profile.enumerate != "cores" else ()
    everything = from_cards(profile, listed) if listed else counted(profile, places)
    devices, limited_by = limited(profile, everything, environment)
    return Host(profile.id, found, tuple(devices), limited_by, _mixed(devices))


def evidence(profile: VendorProfile, places: Places = HERE) -> str | None:
    """How the kernel shows that cards of this vendor are here ("/dev/nvidia0, PCI 10de"); None where it doesn't.

    A device node has to be there, and where the PCI bus can be read, a PCI device of the vendor too: several vendors
    share names such as /dev/kfd. Cards that only PCI can count are not found where the bus can't be read.
    """
    nodes = device_nodes(profile, places)
    if profile.enumerate == "cores" or not (nodes or profile.pci_vendors) or (profile.device_nodes and not nodes):
        return None
    signs = [f"/dev/{nodes[0].relative_to(places.dev)}"] if nodes else []
    if profile.pci_vendors:
        on_bus = pci_devices(profile, places)
        if on_bus == [] or (on_bus is None and (profile.enumerate == "pci" or not nodes)):
            return None
        signs += [f"PCI {on_bus[0].vendor}"] if on_bus else []
    return ", ".join(signs)


def _identified(profiles: Mapping[str, VendorProfile], places: Places, asked: str) -> tuple[VendorProfile, str]:
    found = {profile.id: signs for profile in profiles.values() if (signs := evidence(profile, places))}
    if len(found) > 1 and asked == "auto":
        both = " and ".join(f"{vendor} ({signs})" for vendor, signs in found.items())
        raise SettingsError(f"this host has cards of {both}; choose one with --sixdim-vendor")
    for vendor, signs in found.items():
        return profiles[vendor], signs
    return fallback_of(profiles.values()), "no accelerator found"


def _mixed(devices: Sequence[Device]) -> str | None:
    """ "6 x NVIDIA A100-SXM4-40GB, 2 x NVIDIA H200"."""
    names = Counter(device.name for device in devices)
    return ", ".join(f"{count} x {name}" for name, count in names.items()) if len(names) > 1 else None
