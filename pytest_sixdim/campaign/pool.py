"""The cards of a vendor that this session may use, and how a rank is told which of them are its own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from pytest_sixdim.campaign.kernel import Places, device_nodes, given, pci_devices
from pytest_sixdim.campaign.machine import cpu_name, system_file
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers import Card, Device


def from_cards(profile: VendorProfile, cards: Sequence[Card]) -> list[Device]:
    """Cards as a source of readings lists them."""
    return [
        Device(
            card.index,
            card.uuid or card.pci or f"{profile.id}:{card.index}",
            card.name,
            total_bytes=card.total_bytes,
            uuid=card.uuid,
            pci=card.pci,
        )
        for card in cards
    ]


def counted(profile: VendorProfile, places: Places) -> list[Device]:
    """Cards as the profile says how to count them, where no source lists them: their names are not known then."""
    if profile.enumerate == "cores":
        return _cores(places)
    if profile.enumerate == "pci":
        cards = [card for card in pci_devices(profile, places) or () if given(card, places)]
        return [Device(index, card.address, profile.name, pci=card.address) for index, card in enumerate(cards)]
    nodes = device_nodes(profile, places)
    return [Device(index, f"{profile.id}:{index}", profile.name) for index in range(len(nodes))]


def names_cards(profile: VendorProfile, environment: Mapping[str, str]) -> bool:
    """Whether a visible-devices variable names cards otherwise than by number."""
    return any(not name.lstrip("-").isdigit() for text in _visible(profile, environment).values() for name in text)


def limited(
    profile: VendorProfile, devices: Sequence[Device], environment: Mapping[str, str]
) -> tuple[list[Device], str | None]:
    """The cards that the visible-devices variables of an outer launch leave, in their order; and which variables do.

    A card is named by its number or its UUID; where the profile's variable takes UUIDs, by the beginning of one.
    Raises SettingsError for a name that is no card here, or more than one.
    """
    left = list(devices)
    variables = _visible(profile, environment)
    for variable, names in variables.items():
        chosen = [] if names == ["-1"] else [_named(profile, devices, variable, name) for name in names]
        for device in chosen:
            if chosen.count(device) > 1:
                raise SettingsError(f"{variable}={environment[variable]}: card {device.index} is named twice")
        left = [device for device in chosen if device in left]
    return left, " and ".join(variables) or None


def visible_value(profile: VendorProfile, devices: Sequence[Device]) -> str:
    """What stands in the visible-devices variables of a rank that may see these cards."""
    uuids = [device.uuid for device in devices if device.uuid is not None]
    if profile.visible_by == "uuid" and len(uuids) == len(devices):
        return ",".join(uuids)
    return ",".join(str(device.index) for device in devices)


def _visible(profile: VendorProfile, environment: Mapping[str, str]) -> dict[str, list[str]]:
    return {
        variable: [name.strip() for name in environment[variable].split(",") if name.strip()]
        for variable in profile.visible
        if variable in environment
    }


def _named(profile: VendorProfile, devices: Sequence[Device], variable: str, name: str) -> Device:
    if name.isdigit():
        found = [device for device in devices if device.index == int(name)]
    else:
        found = [device for device in devices if device.uuid is not None and device.uuid == name]
        if not found and profile.visible_by == "uuid":
            found = [device for device in devices if device.uuid is not None and device.uuid.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        both = " and ".join(str(device.uuid) for device in found)
        raise SettingsError(f"{variable}: {name!r} begins the name of {both}")
    known = [str(name) for device in devices for name in (device.index, device.uuid) if name is not None]
    raise SettingsError(f"{variable}: no card {name!r} here; known: {', '.join(known) or 'none'}")


def _cores(places: Places) -> list[Device]:
    """One device a physical core that this process may use: the first of its hardware threads."""
    name = cpu_name()
    seen: set[str] = set()
    devices: list[Device] = []
    for core in sorted(os.sched_getaffinity(0)):
        topology = places.sys / "devices" / "system" / "cpu" / f"cpu{core}" / "topology"
        siblings = system_file(str(topology / "thread_siblings_list")) or str(core)
        if siblings not in seen:
            seen.add(siblings)
            devices.append(Device(len(devices), f"core:{core}", name, cores=(core,)))
    return devices
