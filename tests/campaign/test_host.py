"""Whose cards this host has, and which of them a session may use."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_sixdim.campaign.host import Host, find_host
from pytest_sixdim.campaign.kernel import Places
from pytest_sixdim.campaign.machine import cpu_name
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers import Card, Device

CPU = VendorProfile(
    id="cpu", name="CPU", name_zh="处理器", enumerate="cores", device="cpu", backend="gloo", fallback=True
)
#: Vendors whose "cards" are device nodes that every Linux host has, or that none has.
NULLS = VendorProfile(
    id="nulls",
    name="Null",
    name_zh="空",
    enumerate="device_nodes",
    device="null",
    backend="gloo",
    device_nodes=("null", "zero"),
    visible=("NULL_VISIBLE_DEVICES",),
)
RANDOMS = replace(NULLS, id="randoms", device_nodes=("urandom",))
ABSENT = replace(NULLS, id="absent", device_nodes=("no-such-card[0-9]*",))


def profiles(*chosen: VendorProfile) -> dict[str, VendorProfile]:
    return {profile.id: profile for profile in (CPU, *chosen)}


def test_without_an_accelerator_the_host_is_cpu() -> None:
    host = find_host(profiles(ABSENT), "auto")
    assert (host.vendor, host.found) == ("cpu", "no accelerator found")


def test_a_cpu_card_is_one_core_that_this_process_may_use() -> None:
    host = find_host(profiles(), "cpu")
    allowed = os.sched_getaffinity(0)
    assert 1 <= len(host.devices) <= len(allowed)
    assert {core for device in host.devices for core in device.cores or ()} <= allowed
    assert all(device.name == cpu_name() for device in host.devices)


def test_hardware_threads_of_one_core_are_one_card(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    for core, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        topology = tmp_path / f"devices/system/cpu/cpu{core}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(siblings)
    host = find_host(profiles(), "cpu", places=Places(sys=tmp_path))
    assert [device.cores for device in host.devices] == [(0,), (1,)]


def test_a_device_node_finds_its_vendor() -> None:
    host = find_host(profiles(NULLS), "auto")
    assert (host.vendor, host.found, len(host.devices)) == ("nulls", "/dev/null", 2)


def test_two_vendors_are_an_error_that_names_both() -> None:
    with pytest.raises(
        SettingsError, match=r"nulls \(/dev/null\) and randoms \(/dev/urandom\); choose one with --sixdim-vendor"
    ):
        find_host(profiles(NULLS, RANDOMS), "auto")


def test_an_asked_vendor_is_taken_even_without_cards() -> None:
    assert find_host(profiles(ABSENT), "absent") == Host("absent", "--sixdim-vendor", ())


def test_an_unknown_vendor_names_the_closest_and_the_known() -> None:
    with pytest.raises(
        SettingsError, match=r"unknown vendor 'null'; did you mean 'nulls'\? known: all, auto, cpu, nulls"
    ):
        find_host(profiles(NULLS), "null")


def test_an_outer_variable_limits_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NULL_VISIBLE_DEVICES", "1")
    host = find_host(profiles(NULLS), "auto")
    assert ([device.index for device in host.devices], host.limited_by) == ([1], "NULL_VISIBLE_DEVICES")
    monkeypatch.setenv("NULL_VISIBLE_DEVICES", "")
    assert find_host(profiles(NULLS), "auto").devices == ()


def test_an_outer_variable_that_names_no_card_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NULL_VISIBLE_DEVICES", "GPU-8f2c")
    with pytest.raises(SettingsError, match="NULL_VISIBLE_DEVICES: no card 'GPU-8f2c' here; known: 0, 1"):
        find_host(profiles(NULLS), "auto")


def test_cards_are_those_that_the_vendors_own_source_lists() -> None:
    asked: list[str] = []

    def ask(profile: VendorProfile) -> list[Card]:
        asked.append(profile.id)
        return [Card(0, "Null 5", "GPU-1", "0000:03:00.0", 2**34)]

    host = find_host(profiles(NULLS), "auto", ask)
    assert host.devices == (Device(0, "GPU-1", "Null 5", 2**34, uuid="GPU-1", pci="0000:03:00.0"),)
    assert asked == ["nulls"]


def test_where_no_source_lists_cards_they_are_counted() -> None:
    host = find_host(profiles(NULLS), "auto", lambda profile: ())
    assert [device.id for device in host.devices] == ["nulls:0", "nulls:1"]


def test_cores_are_counted_and_no_source_is_asked() -> None:
    def ask(profile: VendorProfile) -> list[Card]:
        raise AssertionError

    assert find_host(profiles(), "cpu", ask).devices


def test_where_nothing_is_launched_a_source_is_asked_only_to_read_a_variable() -> None:
    asked: list[str] = []

    def ask(profile: VendorProfile) -> list[Card]:
        asked.append(profile.id)
        return [Card(0, "Null 5", "GPU-1"), Card(1, "Null 5", "GPU-2")]

    assert len(find_host(profiles(NULLS), "auto", ask, look=True, environment={}).devices) == 2
    numbers = {"NULL_VISIBLE_DEVICES": "1"}
    assert len(find_host(profiles(NULLS), "auto", ask, look=True, environment=numbers).devices) == 1
    assert asked == []
    names = {"NULL_VISIBLE_DEVICES": "GPU-2"}
    host = find_host(profiles(NULLS), "auto", ask, look=True, environment=names)
    assert ([device.index for device in host.devices], asked) == ([1], ["nulls"])


def test_a_pool_of_different_cards_says_so() -> None:
    cards = [Card(0, "Null 5", "GPU-1"), Card(1, "Null 7", "GPU-2"), Card(2, "Null 7", "GPU-3")]
    assert find_host(profiles(NULLS), "auto", lambda profile: cards).mixed == "1 x Null 5, 2 x Null 7"
    alike = {"NULL_VISIBLE_DEVICES": "1,2"}
    assert find_host(profiles(NULLS), "auto", lambda profile: cards, environment=alike).mixed is None


def test_a_host_survives_the_way_to_a_worker() -> None:
    host = find_host(profiles(), "cpu")
    assert Host.from_json(json.loads(json.dumps(host.to_json()))) == host
