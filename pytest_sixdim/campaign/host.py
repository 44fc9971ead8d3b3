"""This host: whose cards it has, and what it is, found once a session and without importing torch."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.closest import unknown_name
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers import Device

#: Packages whose versions decide what a training program does.
FRAMEWORKS = ("torch", "torchvision", "numpy", "mindspore", "paddlepaddle", "tensorflow", "jax")


@dataclass(frozen=True)
class Host:
    """The vendor of this host's cards, how it was found, and the cards that this session may use.

    `limited_by`: the variable of the environment that hides some cards, where one does.
    """

    vendor: str
    found: str
    devices: tuple[Device, ...]
    limited_by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain types."""
        return {**asdict(self), "devices": [device_record(device) for device in self.devices]}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Host:
        """The reverse of to_json."""
        devices = tuple(
            Device(**{**device, "cores": None if device["cores"] is None else tuple(device["cores"])})
            for device in record["devices"]
        )
        return cls(**{**record, "devices": devices})


def device_record(device: Device) -> dict[str, Any]:
    """A card as order.json lists it."""
    return {**asdict(device), "cores": None if device.cores is None else list(device.cores)}


def find_host(profiles: Mapping[str, VendorProfile], asked: str) -> Host:
    """The host as --sixdim-vendor asks for it: a vendor's id, or "auto".

    auto: a vendor is found when a device node lists a compute card; none: cpu.
    Raises SettingsError for an unknown vendor, and for auto where two vendors are found.
    """
    if asked not in ("auto", "all"):
        if asked not in profiles:
            raise SettingsError(f"--sixdim-vendor: {unknown_name('vendor', asked, [*profiles, 'auto', 'all'])}")
        return _host(profiles[asked], "--sixdim-vendor")
    found = {profile.id: nodes for profile in profiles.values() if (nodes := device_nodes(profile))}
    if len(found) > 1:
        both = " and ".join(f"{vendor} (/dev/{nodes[0].name})" for vendor, nodes in found.items())
        raise SettingsError(f"this host has cards of {both}; choose one with --sixdim-vendor")
    if not found:
        return _host(profiles["cpu"], "no accelerator found")
    vendor, nodes = next(iter(found.items()))
    return _host(profiles[vendor], f"/dev/{nodes[0].name}")


def device_nodes(profile: VendorProfile) -> list[Path]:
    """Device nodes of the vendor's compute cards, in the order of their numbers."""
    nodes = [node for pattern in profile.device_nodes for node in Path("/dev").glob(pattern)]
    return sorted(nodes, key=lambda node: (len(node.name), node.name))


def _host(profile: VendorProfile, found: str) -> Host:
    if profile.enumerate == "cores":
        return Host(profile.id, found, tuple(_cores()))
    devices = [Device(index, f"{profile.id}:{index}", profile.name) for index, _ in enumerate(device_nodes(profile))]
    for variable in profile.visible:
        if (visible := os.environ.get(variable)) is not None:
            return Host(profile.id, found, tuple(_limited(devices, visible, variable)), variable)
    return Host(profile.id, found, tuple(devices))


def _limited(devices: list[Device], visible: str, variable: str) -> list[Device]:
    """The devices that a visible-devices variable leaves, by index.

    Raises SettingsError where it names cards otherwise.
    """
    names = [name.strip() for name in visible.split(",") if name.strip()]
    if not all(name.isdigit() for name in names):
        raise SettingsError(f"{variable}={visible}: cards can only be chosen by number here, such as 0,1")
    by_index = {device.index: device for device in devices}
    return [by_index[int(name)] for name in names if int(name) in by_index]


def _cores() -> list[Device]:
    """One device a physical core that this process may use: the first of its hardware threads."""
    name = cpu_name()
    seen: set[str] = set()
    devices: list[Device] = []
    for cpu in sorted(os.sched_getaffinity(0)):
        siblings = _text(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") or str(cpu)
        if siblings not in seen:
            seen.add(siblings)
            devices.append(Device(len(devices), f"core:{cpu}", name, cores=(cpu,)))
    return devices


def cpu_name() -> str:
    """The processor's model name as the kernel gives it."""
    for line in (_text("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def machine() -> dict[str, Any]:
    """What this host is: recorded with every session."""
    memory = next((line for line in (_text("/proc/meminfo") or "").splitlines() if line.startswith("MemTotal")), "")
    return {
        "host": platform.node(),
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "memory_bytes": int(memory.split()[1]) * 1024 if memory else None,
        "kernel": platform.release(),
        "architecture": platform.machine(),
    }


def software(python: str) -> dict[str, Any]:
    """Versions of Python and the frameworks of the training program's interpreter, read without importing them.

    Raises SettingsError where the interpreter does not run.
    """
    script = (
        "import json, platform, sys\n"
        "from importlib import metadata\n"
        "def version(name):\n"
        "    try:\n"
        "        return metadata.version(name)\n"
        "    except metadata.PackageNotFoundError:\n"
        "        return None\n"
        "found = {name: version(name) for name in sys.argv[1:]}\n"
        "print(json.dumps(dict({k: v for k, v in found.items() if v}, python=platform.python_version())))\n"
    )
    try:
        answer = subprocess.run(
            [python, "-c", script, *FRAMEWORKS], capture_output=True, text=True, timeout=60, check=True
        )
        return dict(json.loads(answer.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        last = getattr(error, "stderr", None) or str(error)
        raise SettingsError(
            f"--sixdim-python {python}: it does not run as a Python interpreter: {last.strip().splitlines()[-1]}"
        ) from None


def _text(path: str) -> str | None:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return None
