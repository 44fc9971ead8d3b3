"""Whose cards this host has, and which of them a session may use."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_sixdim.campaign import host as host_module
from pytest_sixdim.campaign.host import Host, cpu_name, device_nodes, find_host, machine, software
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.vendor import VendorProfile

CPU = VendorProfile(id="cpu", name="CPU", name_zh="处理器", enumerate="cores", device="cpu", backend="gloo")
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


def test_hardware_threads_of_one_core_are_one_card(monkeypatch: pytest.MonkeyPatch) -> None:
    siblings = {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    monkeypatch.setattr(
        host_module,
        "_text",
        lambda path: siblings[int(path.split("/cpu/cpu")[1].split("/")[0])] if "cpu/cpu" in path else None,
    )
    assert [device.cores for device in find_host(profiles(), "cpu").devices] == [(0,), (1,)]


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


def test_an_outer_variable_that_names_cards_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NULL_VISIBLE_DEVICES", "GPU-8f2c")
    with pytest.raises(SettingsError, match="NULL_VISIBLE_DEVICES=GPU-8f2c"):
        find_host(profiles(NULLS), "auto")


def test_nodes_are_counted_in_the_order_of_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [Path(f"/dev/card{number}") for number in (10, 2, 0)]
    monkeypatch.setattr(Path, "glob", lambda self, pattern: iter(nodes if pattern == "null" else ()))
    assert [node.name for node in device_nodes(NULLS)] == ["card0", "card2", "card10"]


def test_a_host_survives_the_way_to_a_worker() -> None:
    host = find_host(profiles(), "cpu")
    assert Host.from_json(json.loads(json.dumps(host.to_json()))) == host


def test_machine_says_what_the_host_is() -> None:
    found = machine()
    assert found["cpus"] == os.cpu_count()
    assert found["memory_bytes"] > 2**28


def test_software_is_that_of_the_training_programs_interpreter() -> None:
    versions = software(sys.executable)
    assert versions["python"] == ".".join(str(part) for part in sys.version_info[:3])


@pytest.mark.parametrize("python", ["/no/such/python", "/bin/false", "/bin/echo"])
def test_an_interpreter_that_is_none_is_refused(python: str) -> None:
    with pytest.raises(SettingsError, match=rf"^--sixdim-python {python}: it does not run as a Python interpreter"):
        software(python)
