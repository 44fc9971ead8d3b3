"""Whose cards a host has, found from device nodes and the PCI bus."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sixdim.campaign.host import evidence, find_host
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor
from tests.campaign.trees import HOSTS, Tree

PROFILES = {vendor: load_vendor(path) for vendor, path in builtin_vendors().items()}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def found(tree: Tree) -> tuple[str, str]:
    host = find_host(PROFILES, "auto", places=tree.places, environment={})
    return host.vendor, host.found


def test_every_vendor_has_a_host_in_these_tests() -> None:
    assert set(HOSTS) == {vendor for vendor, profile in PROFILES.items() if profile.enumerate != "cores"}


@pytest.mark.parametrize("vendor", HOSTS)
def test_a_vendor_is_found_by_its_nodes_and_its_pci_devices(tree: Tree, vendor: str) -> None:
    host = find_host(PROFILES, "auto", places=tree.host(vendor).places, environment={})
    nodes, number, _ = HOSTS[vendor]
    first = next(node for node in nodes)
    assert (host.vendor, host.found) == (vendor, f"/dev/{first}" + (f", PCI {number}" if number else ""))
    assert len(host.devices) == 2


@pytest.mark.parametrize("vendor", HOSTS)
def test_nodes_without_a_pci_device_of_the_vendor_are_somebody_elses(tree: Tree, vendor: str) -> None:
    nodes, number, _ = HOSTS[vendor]
    tree.nodes(*nodes).pci("0000:00:1f.0", "8086", "060100")
    assert (evidence(PROFILES[vendor], tree.places) is None) == (number is not None)


@pytest.mark.parametrize("vendor", HOSTS)
def test_pci_devices_without_a_node_are_not_given_to_this_container(tree: Tree, vendor: str) -> None:
    _, number, device_class = HOSTS[vendor]
    tree.pci("0000:03:00.0", number or "1234", device_class)
    assert found(tree) == ("cpu", "no accelerator found")


@pytest.mark.parametrize("vendor", HOSTS)
def test_without_the_pci_bus_nodes_that_one_vendor_has_are_enough(tree: Tree, vendor: str) -> None:
    tree.nodes(*HOSTS[vendor][0])
    shared = PROFILES[vendor].enumerate == "pci"
    assert found(tree) == (("cpu", "no accelerator found") if shared else (vendor, f"/dev/{HOSTS[vendor][0][0]}"))


def test_two_vendors_are_an_error_that_names_both_and_how_each_was_found(tree: Tree) -> None:
    tree.host("nvidia").nodes("davinci0").pci("0000:81:00.0", "19e5", "120000")
    with pytest.raises(
        SettingsError,
        match=r"cards of ascend \(/dev/davinci0, PCI 19e5\) and nvidia \(/dev/nvidia0, PCI 10de\); choose one with "
        "--sixdim-vendor",
    ):
        found(tree)
    assert find_host(PROFILES, "nvidia", places=tree.places, environment={}).vendor == "nvidia"
    assert find_host(PROFILES, "all", places=tree.places, environment={}).vendor in ("ascend", "nvidia")


@pytest.mark.parametrize(("number", "vendor"), [("1002", "amd"), ("1d94", "hygon")])
def test_kfd_is_amds_or_hygons_as_pci_says(tree: Tree, number: str, vendor: str) -> None:
    tree.nodes("kfd", "dri/renderD128").pci("0000:03:00.0", number, "120000")
    assert found(tree) == (vendor, f"/dev/kfd, PCI {number}")


@pytest.mark.parametrize(("number", "vendor"), [("8086", "intel"), ("1d22", "kunlunxin")])
def test_an_xpu_is_intels_or_kunlunxins_as_pci_says(tree: Tree, number: str, vendor: str) -> None:
    tree.nodes("xpu0", "dri/renderD128").pci("0000:03:00.0", number, "038000")
    assert found(tree)[0] == vendor


@pytest.mark.parametrize(
    ("number", "device_class"),
    [("8086", "030000"), ("8086", "120000"), ("1002", "030000"), ("1022", "118000")],
    ids=["Intel graphics", "Intel NPU", "AMD graphics", "AMD NPU"],
)
def test_what_every_laptop_has_is_no_accelerator(tree: Tree, number: str, device_class: str) -> None:
    tree.nodes("kfd", "dri/renderD128", "accel/accel0").pci("0000:00:02.0", number, device_class)
    assert found(tree) == ("cpu", "no accelerator found")


def test_graphics_beside_an_accelerator_are_no_second_vendor(tree: Tree) -> None:
    tree.host("nvidia").nodes("kfd", "dri/renderD128").pci("0000:00:02.0", "8086", "030000")
    tree.pci("0000:06:00.0", "1002", "030000")
    assert found(tree) == ("nvidia", "/dev/nvidia0, PCI 10de")


def test_an_accelerator_of_a_processor_that_is_no_card_is_not_counted(tree: Tree) -> None:
    tree.nodes("davinci_manager").pci("0000:75:00.0", "19e5", "120000")  # Kunpeng's ZIP engine
    assert found(tree) == ("cpu", "no accelerator found")


def test_a_container_counts_the_cards_whose_render_nodes_it_has(tree: Tree) -> None:
    tree.nodes("kfd", "dri/renderD129")
    for number in range(4):
        tree.pci(f"0000:{number:02x}:00.0", "1002", "120000", f"renderD{128 + number}")
    devices = find_host(PROFILES, "auto", places=tree.places, environment={}).devices
    assert [(device.index, device.id, device.pci) for device in devices] == [(0, "0000:01:00.0", "0000:01:00.0")]
