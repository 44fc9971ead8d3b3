"""Device nodes and PCI devices as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sixdim.campaign.kernel import Places, device_nodes, given, pci_devices
from pytest_sixdim.core.vendor import VendorProfile
from tests.campaign.trees import Tree

ACME = VendorProfile(
    id="acme",
    name="Acme",
    name_zh="顶点",
    enumerate="device_nodes",
    device="cuda",
    backend="nccl",
    device_nodes=("acme[0-9]*", "old/acme[0-9]*"),
    pci_vendors=("abcd", "abce"),
    pci_classes=("0302", "12"),
)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_nodes_are_in_the_order_of_their_numbers(tree: Tree) -> None:
    tree.nodes("acme10", "acme2", "acme0", "acmectl")
    assert [node.name for node in device_nodes(ACME, tree.places)] == ["acme0", "acme2", "acme10"]


def test_a_node_with_two_names_is_one_card(tree: Tree) -> None:
    tree.nodes("old/acme0")
    (tree.places.dev / "acme0").symlink_to("old/acme0")
    assert device_nodes(ACME, tree.places) == [tree.places.dev / "acme0"]


def test_devices_of_the_vendors_and_classes_are_in_the_order_of_their_addresses(tree: Tree) -> None:
    tree.pci("0000:81:00.0", "abce", "120000").pci("0000:03:00.0", "abcd", "030200")
    tree.pci("0000:04:00.0", "abcd", "030000").pci("0000:05:00.0", "abcf", "030200").pci(
        "0000:06:00.0", "abcd", "020000"
    )
    devices = pci_devices(ACME, tree.places)
    assert devices is not None
    assert [(device.address, device.vendor, device.device_class) for device in devices] == [
        ("0000:03:00.0", "abcd", "030200"),
        ("0000:81:00.0", "abce", "120000"),
    ]


def test_a_bus_that_is_not_there_is_no_bus_without_cards(tree: Tree) -> None:
    assert pci_devices(ACME, tree.places) is None
    assert pci_devices(ACME, Places(Path("/no"), Path("/such"))) is None
    tree.pci("0000:00:1f.0", "8086", "060100")
    assert pci_devices(ACME, tree.places) == []


def test_a_device_that_cannot_be_read_is_left_out(tree: Tree) -> None:
    tree.pci("0000:03:00.0", "abcd", "030200").pci("0000:04:00.0", "abcd", "030200")
    (tree.places.sys / "bus/pci/devices/0000:03:00.0/class").unlink()
    assert [device.address for device in pci_devices(ACME, tree.places) or ()] == ["0000:04:00.0"]


def test_a_card_is_given_where_its_render_node_is_there_or_it_has_none(tree: Tree) -> None:
    tree.pci("0000:03:00.0", "abcd", "030200", "renderD128").pci("0000:04:00.0", "abcd", "030200", "renderD129")
    tree.pci("0000:05:00.0", "abcd", "030200").nodes("dri/renderD129")
    assert [given(device, tree.places) for device in pci_devices(ACME, tree.places) or ()] == [False, True, True]
