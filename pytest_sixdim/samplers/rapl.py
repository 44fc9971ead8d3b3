"""Energy of a processor's packages, from RAPL through the kernel's powercap interface (Intel, and AMD since Zen).

Linux, Documentation/power/powercap: `energy_uj` counts microjoules and starts again at 0 after `max_energy_range_uj`;
zones are called intel-rapl:N on AMD too. Whether the package includes the memory depends on the model.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Node, Sampler, SamplerUnavailable

#: "package-0", and "package-0-die-1" where a package has several dies; "psys" is the whole platform and not counted.
PACKAGE = re.compile(r"package-(\d+)(?:-die-\d+)?")


class RaplSampler(Sampler):
    """Channel `energy`, in J: the counters of the packages that hold a card's cores, summed.

    Cards of the same package share its reading (scope "package"). A card without cores has all packages.
    """

    def __init__(self, path: str = "/sys/class/powercap", cpus: str = "/sys/devices/system/cpu") -> None:
        self._root = Path(path)
        self._cpus = Path(cpus)
        self._wrap = 0  # microjoules
        self._zones: list[tuple[Path, ...]] = []  # of each card

    def open(self, node: Node, channels: Collection[str]) -> Mapping[str, Source]:
        """Find the zones; see Sampler.open."""
        if "energy" not in channels:
            raise SamplerUnavailable("RAPL counts energy only")
        packages = self._packages()
        ranges = {_number(zone.with_name("max_energy_range_uj")) for zones in packages.values() for zone in zones}
        if len(ranges) > 1:
            raise SamplerUnavailable(f"the packages' counters wrap at different values: {sorted(ranges)} uJ")
        self._wrap = ranges.pop()
        self._zones = [self._zones_of(device.cores, packages) for device in node.devices]
        shared = tuple(self._zones.index(zones) for zones in self._zones)
        return {"energy": Source("rapl", "counter", scope="package", wrap=self._wrap / 1e6, sensors=shared)}

    def read(self, channels: Collection[str]) -> Mapping[str, list[float | None]]:
        """See Sampler.read."""
        if "energy" not in channels:
            return {}
        counters = {zone: _counter(zone) for zones in self._zones for zone in zones}
        return {"energy": [self._sum([counters[zone] for zone in zones]) for zones in self._zones]}

    def _sum(self, counters: list[int | None]) -> float | None:
        """Joules. The sum wraps where each of its counters does, so that it is a counter of the same kind."""
        known = [counter for counter in counters if counter is not None]
        return sum(known) % self._wrap / 1e6 if len(known) == len(counters) else None

    def _packages(self) -> dict[int, list[Path]]:
        """The energy counters of each package."""
        packages: dict[int, list[Path]] = {}
        for zone in sorted(self._root.glob("*-rapl:*")):
            if zone.name.count(":") > 1:
                continue  # a part of a package: core, uncore, dram
            match = PACKAGE.fullmatch(_text(zone / "name"))
            if match:
                packages.setdefault(int(match[1]), []).append(zone / "energy_uj")
        if not packages:
            raise SamplerUnavailable(f"no powercap zone of a package under {self._root}")
        for zones in packages.values():
            for zone in zones:
                _number(zone)
        return packages

    def _zones_of(self, cores: tuple[int, ...] | None, packages: Mapping[int, list[Path]]) -> tuple[Path, ...]:
        if cores is None:
            return tuple(zone for zones in packages.values() for zone in zones)
        held = {_number(self._cpus / f"cpu{core}" / "topology" / "physical_package_id") for core in cores}
        missing = held - packages.keys()
        if missing:
            raise SamplerUnavailable(f"no powercap zone for package {min(missing)} under {self._root}")
        return tuple(zone for package in sorted(held) for zone in packages[package])


def _text(path: Path) -> str:
    """The file's text. Raises SamplerUnavailable where it cannot be read."""
    try:
        return path.read_text().strip()
    except PermissionError:
        raise SamplerUnavailable(f"permission denied: {path}; readable by root only since Linux 5.10") from None
    except OSError as error:
        raise SamplerUnavailable(f"{path}: {error.strerror}") from None


def _number(path: Path) -> int:
    text = _text(path)
    if not text.isdigit():
        raise SamplerUnavailable(f"{path}: not a number: {text!r:.40}")
    return int(text)


def _counter(path: Path) -> int | None:
    """Microjoules; None where the counter cannot be read just now."""
    try:
        return _number(path)
    except SamplerUnavailable:
        return None
