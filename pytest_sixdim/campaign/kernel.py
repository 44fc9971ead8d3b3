"""What the kernel shows of this host's cards: device nodes below /dev, and the PCI bus below /sys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_sixdim.core.vendor import VendorProfile


@dataclass(frozen=True)
class Places:
    """Where the kernel's files are; elsewhere in tests."""

    dev: Path = Path("/dev")
    sys: Path = Path("/sys")


@dataclass(frozen=True)
class PciDevice:
    """A device of the PCI bus. `address` "0000:3b:00.0"; `vendor` "10de"; `device_class` "030200"."""

    address: str
    vendor: str
    device_class: str
    path: Path


def device_nodes(profile: VendorProfile, places: Places) -> list[Path]:
    """Nodes that match the profile's patterns, in the order of their numbers; two names of one node count once."""
    found = [node for pattern in profile.device_nodes for node in places.dev.glob(pattern)]
    once = {node.resolve(): node for node in reversed(found)}
    return sorted(once.values(), key=lambda node: (len(node.name), node.name))


def pci_devices(profile: VendorProfile, places: Places) -> list[PciDevice] | None:
    """PCI devices of the profile's vendors and classes, by address; None where the bus can't be read (a container
    without /sys, a host without PCI)."""
    everything = _bus(places)
    if not everything:
        return None
    return [
        device
        for device in everything
        if device.vendor in profile.pci_vendors
        and (not profile.pci_classes or device.device_class.startswith(profile.pci_classes))
    ]


def given(device: PciDevice, places: Places) -> bool:
    """Whether this process may use the card: a container sees the whole bus, but only its own cards' render nodes.

    True for a card that has no render node.
    """
    renders = [node.name for node in (device.path / "drm").glob("renderD*")]
    return not renders or any((places.dev / "dri" / name).exists() for name in renders)


def _bus(places: Places) -> list[PciDevice]:
    found = []
    for path in sorted((places.sys / "bus" / "pci" / "devices").glob("*")):
        try:
            vendor, device_class = (path / "vendor").read_text(), (path / "class").read_text()
        except OSError:
            continue
        found.append(PciDevice(path.name, _hexadecimal(vendor), _hexadecimal(device_class), path))
    return found


def _hexadecimal(text: str) -> str:
    return text.strip().lower().removeprefix("0x")
