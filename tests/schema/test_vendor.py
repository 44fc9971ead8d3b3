"""Vendor profiles: the built-in ones, and what is wrong with others."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from pytest_sixdim.core.records import CHANNELS
from pytest_sixdim.core.vendor import CardModel, SamplerChoice, VendorProfile, fallback_of
from pytest_sixdim.samplers import SAMPLERS
from pytest_sixdim.schema.errors import SchemaError
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor
from pytest_sixdim.schema.vendor_model import VendorModel

PROFILE = """\
sixdim: 1
id: acme
name: Acme
name_zh: 顶点
enumerate: device_nodes
device_nodes: ["acme[0-9]*"]
device: cuda
backend: nccl
samplers:
  - {sampler: acme_smi, channels: [power, memory], options: {period: 1}}
cards:
  - {id: a1, names: [Acme A1], memory: 80 GiB, peaks: {bf16: 1e14}, source: datasheet}
"""


def write(directory: Path, before: str = "", after: str = "") -> Path:
    assert before in PROFILE
    path = directory / "acme.yaml"
    path.write_text(PROFILE.replace(before, after, 1), encoding="utf-8")
    return path


#: What torch calls each vendor's cards, and the collective backend: five say cuda, so that no id is a device.
TORCH = {
    "nvidia": ("cuda", "nccl", "10de"),
    "amd": ("cuda", "nccl", "1002"),
    "intel": ("xpu", "xccl", "8086"),
    "gaudi": ("hpu", "hccl", "1da3"),
    "ascend": ("npu", "hccl", "19e5"),
    "iluvatar": ("cuda", "nccl", "1e3e"),
    "mthreads": ("musa", "mccl", "1ed5"),
    "kunlunxin": ("cuda", "nccl", "1d22"),
    "cambricon": ("mlu", "cncl", "cabc"),
    "metax": ("cuda", "nccl", "9999"),
    "hygon": ("cuda", "nccl", "1d94"),
    "enflame": ("gcu", "eccl", "1e36"),
    "biren": ("supa", "sccl", None),
    "cpu": ("cpu", "gloo", None),
}


def builtin() -> dict[str, VendorProfile]:
    return {vendor: load_vendor(path) for vendor, path in builtin_vendors().items()}


def test_there_is_a_profile_of_every_vendor_and_it_says_what_torch_calls_its_cards() -> None:
    found = {
        vendor: (profile.device, profile.backend, next(iter(profile.pci_vendors), None))
        for vendor, profile in builtin().items()
    }
    assert found == TORCH


def test_no_two_vendors_share_a_pci_vendor() -> None:
    numbers = [number for profile in builtin().values() for number in profile.pci_vendors]
    assert len(numbers) == len(set(numbers))


def test_a_profile_says_which_of_its_keys_rest_on_little() -> None:
    profiles = builtin()
    assert "backend" in profiles["biren"].unverified
    assert "visible" in profiles["metax"].unverified
    assert all(profile.unverified for vendor, profile in profiles.items() if vendor != "cpu")


def test_a_plugin_that_a_profile_imports_is_not_loaded_by_torch_itself() -> None:
    assert [vendor for vendor, profile in builtin().items() if profile.imports and profile.autoload] == []


def test_cards_are_named_where_a_tool_was_seen_to_print_them() -> None:
    without = [vendor for vendor, profile in builtin().items() if not profile.cards]
    assert without == ["biren", "cpu", "intel"]


def test_both_chips_of_a_bi_v150_board_are_devices() -> None:
    card = builtin()["iluvatar"].card_model("Iluvatar BI-V150")
    assert card is not None
    assert (card.devices, card.memory) == (2, 32 * 2**30)


def test_one_profile_is_the_fallback() -> None:
    profiles = builtin()
    assert fallback_of(profiles.values()) is profiles["cpu"]
    with pytest.raises(ValueError, match="exactly one vendor profile must say 'fallback: true'; found: cpu, cpu"):
        fallback_of([profiles["cpu"], profiles["cpu"]])
    with pytest.raises(ValueError, match="found: none"):
        fallback_of([profiles["nvidia"]])


@pytest.mark.parametrize("vendor", sorted(builtin_vendors()))
def test_built_in_profile_loads_and_asks_only_samplers_that_exist(vendor: str) -> None:
    profile = load_vendor(builtin_vendors()[vendor])
    assert profile.id == vendor
    assert {choice.sampler for choice in profile.samplers} <= set(SAMPLERS)


def test_cpu_counts_cores_and_reads_energy_and_memory() -> None:
    profile = load_vendor(builtin_vendors()["cpu"])
    assert (profile.enumerate, profile.device, profile.backend, profile.visible) == ("cores", "cpu", "gloo", ())
    assert [(choice.sampler, choice.channels, choice.options) for choice in profile.samplers] == [
        ("rapl", ("energy",), {"path": "/sys/class/powercap"}),
        ("process_memory", ("memory",), {}),
    ]
    assert profile.samplers[0].install


def test_nvidia_counts_compute_cards_and_no_control_nodes() -> None:
    profile = load_vendor(builtin_vendors()["nvidia"])
    nodes = ["nvidia0", "nvidia15", "nvidiactl", "nvidia-uvm", "nvidia-modeset", "nvidia-caps"]
    matched = [node for node in nodes if any(fnmatch.fnmatch(node, pattern) for pattern in profile.device_nodes)]
    assert matched == ["nvidia0", "nvidia15"]
    assert (profile.device, profile.backend, profile.visible) == ("cuda", "nccl", ("CUDA_VISIBLE_DEVICES",))


def test_card_is_known_by_its_exact_name_and_its_peaks_are_dense() -> None:
    profile = load_vendor(builtin_vendors()["nvidia"])
    card = profile.card_model("NVIDIA H200")
    assert card is not None
    assert (card.id, card.memory) == ("h200-sxm", 143771 * 2**20)
    assert card.peaks["bf16"] == 989.4e12
    assert profile.card_model("H200") is None


def test_profile_of_somebody_else_loads(tmp_path: Path) -> None:
    profile = load_vendor(write(tmp_path))
    assert profile.samplers == (SamplerChoice("acme_smi", ("power", "memory"), {"period": 1}),)
    assert profile.cards == (CardModel("a1", ("Acme A1",), 80 * 2**30, {"bf16": 1e14}, "datasheet"),)
    assert profile.path == tmp_path / "acme.yaml"


def test_profile_says_what_means_a_failed_card(tmp_path: Path) -> None:
    texts = "card_lost: [gone]\ndevice_error: [uncorrectable, timed out]\ncard_busy: [in use]\n"
    profile = load_vendor(write(tmp_path, "backend: nccl\n", f"backend: nccl\n{texts}"))
    assert (profile.card_lost, profile.card_busy) == (("gone",), ("in use",))
    assert profile.device_error == ("uncorrectable", "timed out")


def test_no_text_means_two_things_and_none_is_an_everyday_one() -> None:
    for profile in builtin().values():
        texts = [*profile.card_lost, *profile.device_error, *profile.card_busy]
        assert len(set(texts)) == len(texts), profile.id
        assert all(len(text) > 10 for text in texts), profile.id


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("id: acme", "id: nvidia", "2: id: 'nvidia'; the file's name says 'acme'"),
        ("device: cuda", "divice: cuda", "7: unknown key 'divice'; did you mean 'device'?|1: missing key 'device'"),
        (
            "enumerate: device_nodes",
            "enumerate: cards",
            "5: enumerate: 'cards'; did you mean 'cores'? allowed: device_nodes, pci, cores",
        ),
        (
            "enumerate: device_nodes",
            "enumerate: cores",
            "6: device_nodes: must not be given where 'enumerate' is cores",
        ),
        (
            'device_nodes: ["acme[0-9]*"]\n',
            "",
            "1: device_nodes: must be given where 'enumerate' is device_nodes",
        ),
        ("enumerate: device_nodes", "enumerate: pci", "1: pci_vendors: must be given where 'enumerate' is pci"),
        (
            '"acme[0-9]*"',
            "/dev/acme0",
            "6: device_nodes[0]: '/dev/acme0': must be a path below the directory, without '..'",
        ),
        (
            "channels: [power,",
            "channels: [pwoer,",
            f"10: samplers[0].channels[0]: 'pwoer'; did you mean 'power'? allowed: {', '.join(CHANNELS)}",
        ),
        ("memory: 80 GiB", "memory: 80 W", "12: cards[0].memory: unit 'W'; allowed: MiB, GiB, GB"),
        (
            "bf16: 1e14",
            "bf17: 1e14",
            "12: cards[0].peaks: 'bf17'; did you mean 'bf16'? allowed: fp32, tf32, fp16, bf16, amp-fp16, amp-bf16, fp8",
        ),
        ("bf16: 1e14", "bf16: fast", "12: cards[0].peaks.bf16: must be a number, not 'fast'"),
        (
            "backend: nccl",
            "backend: nccl\nvisible: [A-B]",
            "9: visible[0]: 'A-B': may only have the characters A-Z, a-z, 0-9 and _",
        ),
        ("backend: nccl", "backend: nccl\nenvironment: {N: 1}", "9: environment.N: must be text, not 1 (quote it)"),
        (
            "backend: nccl",
            "backend: nccl\nunverified: [bakcend]",
            f"9: unverified: 'bakcend'; did you mean 'backend'? allowed: {', '.join(VendorModel.model_fields)}",
        ),
        (
            "source: datasheet}",
            "source: datasheet}\n  - {id: a2, names: [Acme A1], source: x}",
            "13: cards[1]: 'Acme A1' is already given in line 12",
        ),
    ],
)
def test_message_about_a_profile(tmp_path: Path, before: str, after: str, expected: str) -> None:
    with pytest.raises(SchemaError) as error:
        load_vendor(write(tmp_path, before, after))
    assert sorted(str(error.value).split("\n")) == sorted(f"acme.yaml:{line}" for line in expected.split("|"))
