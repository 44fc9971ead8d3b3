"""Stand-ins for /dev and /sys of hosts with cards that are not here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_sixdim.campaign.kernel import Places

#: Of each vendor: nodes below /dev of a host with two cards, PCI vendor and class of each card.
HOSTS: Mapping[str, tuple[Sequence[str], str | None, str]] = {
    "nvidia": (("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"), "10de", "030200"),
    "amd": (("kfd", "dri/renderD128", "dri/renderD129"), "1002", "120000"),
    "intel": (("dri/renderD128", "dri/renderD129"), "8086", "038000"),
    "gaudi": (("accel/accel0", "accel/accel1", "accel/accel_controlD0"), "1da3", "120000"),
    "ascend": (("davinci0", "davinci1", "davinci_manager", "hisi_hdc"), "19e5", "120000"),
    "iluvatar": (("iluvatar0", "iluvatar1", "itrctl"), "1e3e", "030200"),
    "mthreads": (("mtgpu.0", "mtgpu.1"), "1ed5", "030200"),
    "kunlunxin": (("xpu0", "xpu1", "xpuctrl"), "1d22", "120000"),
    "cambricon": (("cambricon_dev0", "cambricon_dev1", "cambricon_ctl"), "cabc", "120000"),
    "metax": (("mxcd", "dri/renderD128", "dri/renderD129"), "9999", "120000"),
    "hygon": (("kfd", "mkfd", "dri/renderD128", "dri/renderD129"), "1d94", "120000"),
    "enflame": (("gcu0", "gcu1", "gcu0vid0"), "1e36", "120000"),
    "biren": (("biren/card_0", "biren/card_1", "biren-m"), None, "120000"),
}


class Tree:
    """A host's files below a directory; the PCI bus is there from its first device on."""

    def __init__(self, root: Path) -> None:
        self.places = Places(root / "dev", root / "sys")
        self.places.dev.mkdir()
        self.places.sys.mkdir()

    def nodes(self, *names: str) -> Tree:
        """Add device nodes."""
        for name in names:
            node = self.places.dev / name
            node.parent.mkdir(parents=True, exist_ok=True)
            node.touch()
        return self

    def pci(self, address: str, vendor: str, device_class: str, render: str | None = None) -> Tree:
        """Add a PCI device, with a DRM render node where it has one."""
        path = self.places.sys / "bus" / "pci" / "devices" / address
        path.mkdir(parents=True)
        (path / "vendor").write_text(f"0x{vendor}\n")
        (path / "class").write_text(f"0x{device_class}\n")
        if render is not None:
            (path / "drm" / render).mkdir(parents=True)
        return self

    def host(self, vendor: str) -> Tree:
        """All that a host with two of the vendor's cards shows, and what every host has besides."""
        nodes, number, device_class = HOSTS[vendor]
        self.nodes(*nodes).pci("0000:00:1f.0", "8086", "060100")
        for card in range(2) if number else ():
            self.pci(f"0000:{3 + card:02x}:00.0", str(number), device_class)
        return self
