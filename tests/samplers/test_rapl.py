"""RAPL, on a powercap tree that the test makes: this host may have none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_sixdim.core.records import Source
from pytest_sixdim.samplers import Device, Node, SamplerUnavailable, make_sampler
from pytest_sixdim.samplers.rapl import RaplSampler

RANGE = 262_143_328_850  # microjoules, as on a Xeon


class Host:
    """Packages 0 and 1 with four cores each: 0-3 and 4-7."""

    def __init__(self, directory: Path) -> None:
        self.powercap = directory / "powercap"
        self.cpus = directory / "cpu"
        self.zone("intel-rapl:0", "package-0", 1_000_000)
        self.zone("intel-rapl:0:0", "dram", 500)
        self.zone("intel-rapl:1", "package-1", 5_000_000)
        self.zone("intel-rapl:2", "psys", 77)
        (self.powercap / "intel-rapl").mkdir()
        for core in range(8):
            topology = self.cpus / f"cpu{core}" / "topology"
            topology.mkdir(parents=True)
            (topology / "physical_package_id").write_text(f"{core // 4}\n")

    def zone(self, directory: str, name: str, energy: int, wrap: int = RANGE) -> None:
        zone = self.powercap / directory
        zone.mkdir(parents=True, exist_ok=True)
        (zone / "name").write_text(f"{name}\n")
        (zone / "energy_uj").write_text(f"{energy}\n")
        (zone / "max_energy_range_uj").write_text(f"{wrap}\n")

    def sampler(self) -> RaplSampler:
        return RaplSampler(path=str(self.powercap), cpus=str(self.cpus))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def node(*cores: tuple[int, ...] | None) -> Node:
    return Node(tuple(Device(i, str(i), "core", cores=c) for i, c in enumerate(cores)), Path("/nowhere"))


def energies(sampler: RaplSampler) -> list[float | None]:
    return sampler.read({"energy"})["energy"]


def test_each_card_has_the_energy_of_the_package_that_holds_its_cores(host: Host) -> None:
    sampler = host.sampler()
    sources = sampler.open(node((0,), (3,), (4,), (3, 4), None), ("energy",))
    assert sources == {"energy": Source("rapl", "counter", scope="package", wrap=RANGE / 1e6, sensors=(0, 0, 2, 3, 3))}
    assert energies(sampler) == [1.0, 1.0, 5.0, 6.0, 6.0]


def test_only_packages_count(host: Host) -> None:
    sampler = host.sampler()
    sampler.open(node(None), ("energy",))
    host.zone("intel-rapl:2", "psys", 9_000_000)
    host.zone("intel-rapl:0:0", "dram", 9_000_000)
    assert energies(sampler) == [6.0]


def test_a_counter_that_starts_again_gives_the_same_difference_modulo_the_wrap(host: Host) -> None:
    sampler = host.sampler()
    wrap = sampler.open(node((0,), None), ("energy",))["energy"].wrap
    assert wrap is not None
    host.zone("intel-rapl:0", "package-0", RANGE - 2_000_000)
    host.zone("intel-rapl:1", "package-1", RANGE - 1_000_000)
    before = energies(sampler)
    host.zone("intel-rapl:0", "package-0", 3_000_000)
    host.zone("intel-rapl:1", "package-1", 4_000_000)
    after = energies(sampler)
    used = [(b - a) % wrap for a, b in zip(before, after, strict=True) if a is not None and b is not None]
    assert used == pytest.approx([5.0, 10.0])
    assert all(value is not None and 0 <= value < wrap for value in before + after)


def test_dies_of_a_package_are_summed(host: Host) -> None:
    host.zone("intel-rapl:0", "package-0-die-0", 1_000_000)
    host.zone("intel-rapl:3", "package-0-die-1", 2_000_000)
    sampler = host.sampler()
    sampler.open(node((0,)), ("energy",))
    assert energies(sampler) == [3.0]


def test_a_counter_that_cannot_be_read_just_now_is_none(host: Host) -> None:
    sampler = host.sampler()
    sampler.open(node((0,), (4,)), ("energy",))
    (host.powercap / "intel-rapl:0" / "energy_uj").unlink()
    assert energies(sampler) == [None, 5.0]


def test_a_host_without_powercap_says_so(tmp_path: Path) -> None:
    with pytest.raises(SamplerUnavailable, match=f"no powercap zone of a package under {tmp_path}/none"):
        RaplSampler(path=str(tmp_path / "none")).open(node((0,)), ("energy",))


def test_a_package_without_a_zone_says_so(host: Host) -> None:
    (host.cpus / "cpu7" / "topology" / "physical_package_id").write_text("2\n")
    with pytest.raises(SamplerUnavailable, match="no powercap zone for package 2"):
        host.sampler().open(node((7,)), ("energy",))


def test_packages_that_wrap_differently_cannot_be_summed(host: Host) -> None:
    host.zone("intel-rapl:1", "package-1", 5, wrap=RANGE + 1)
    with pytest.raises(SamplerUnavailable, match="wrap at different values"):
        host.sampler().open(node(None), ("energy",))


def test_a_counter_for_root_only_says_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    path = host.powercap / "intel-rapl:0" / "energy_uj"
    if os.geteuid() == 0:  # root may read anything, so that the refusal has to be staged
        read_text = Path.read_text

        def refuse(self: Path) -> str:
            if self == path:
                raise PermissionError(13, "Permission denied", str(self))
            return read_text(self)

        monkeypatch.setattr(Path, "read_text", refuse)
    else:
        path.chmod(0)
    with pytest.raises(SamplerUnavailable) as error:
        host.sampler().open(node((0,)), ("energy",))
    assert str(error.value) == f"permission denied: {path}; readable by root only since Linux 5.10"


def test_other_channels_are_not_offered(host: Host) -> None:
    with pytest.raises(SamplerUnavailable, match="energy only"):
        host.sampler().open(node((0,)), ("power",))
    sampler = host.sampler()
    assert set(sampler.open(node((0,)), ("energy", "power"))) == {"energy"}
    assert sampler.read({"power"}) == {}


def test_it_is_made_by_name(host: Host) -> None:
    assert isinstance(make_sampler("rapl", {"path": str(host.powercap)}), RaplSampler)
