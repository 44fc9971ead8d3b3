"""What makes two machines the same for a comparison, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_sixdim.campaign.machine_identity import machine_identity
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers import Device

PROFILE = VendorProfile(id="cards", name="Cards", name_zh="卡", enumerate="device_nodes", device="cuda", backend="nccl")
CORES = replace(PROFILE, id="cpu", enumerate="cores")
DEVICES = [Device(index, f"GPU-{index}", "Card", 80 * 2**30, uuid=f"GPU-{index}") for index in range(2)]
MACHINE = {
    "cpu": "Xeon",
    "cpus": 64,
    "memory_bytes": 512 * 2**30,
    "architecture": "x86_64",
    "host": "node-17",
    "kernel": "6.8",
    "driver": "550.1",
    "runtime": "12.4",
    "noise": {"cpu_mhz": [800.0, 3400.0], "load": 0.5, "uptime_seconds": 7.0},
}
SOFTWARE = {"torch": "2.1.0", "python": "3.11"}


def of(
    profile: VendorProfile = PROFILE,
    devices: list[Device] = DEVICES,
    software: dict[str, Any] = SOFTWARE,
    **changed: Any,
) -> Any:
    return machine_identity(profile, devices, {**MACHINE, **changed}, software)["hash"]


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "node-18"},
        {"kernel": "6.9"},
        {"noise": {"cpu_mhz": [2000.0, 2000.0], "load": 9.0, "uptime_seconds": 1e6}},
        {"memory_bytes": 512 * 2**30 - 2**24},
        {"cpu": "EPYC"},
    ],
)
def test_noise_and_the_processor_beside_cards_change_nothing(changed: dict[str, Any]) -> None:
    assert of(**changed) == of()


def test_other_cards_of_the_same_model_are_the_same_machine() -> None:
    assert of(devices=[replace(device, uuid="GPU-x", id="GPU-x", index=7) for device in DEVICES]) == of()


def test_what_decides_figures_changes_it() -> None:
    identities = {
        of(),
        of(driver="560.2"),
        of(runtime="12.6"),
        of(devices=DEVICES[:1]),
        of(devices=[replace(device, name="Other") for device in DEVICES]),
        of(devices=[replace(device, total_bytes=40 * 2**30) for device in DEVICES]),
        of(software={**SOFTWARE, "torch": "2.1.0+corex.4.1"}),
        of(software={**SOFTWARE, "torch_npu": "2.1.0"}),
        of(replace(PROFILE, id="others")),
    }
    assert len(identities) == 9


@pytest.mark.parametrize("changed", [{"cpu": "EPYC"}, {"cpus": 32}, {"architecture": "aarch64"}])
def test_the_processor_decides_where_the_cards_are_its_cores(changed: dict[str, Any]) -> None:
    assert of(CORES, **changed) != of(CORES)


def test_the_parts_say_what_the_hash_is_of() -> None:
    assert machine_identity(PROFILE, DEVICES, MACHINE, SOFTWARE)["parts"] == {
        "vendor": "cards",
        "cards": [{"name": "Card", "memory_bytes": 80 * 2**30, "count": 2}],
        "driver": "550.1",
        "runtime": "12.4",
        "software": SOFTWARE,
    }
