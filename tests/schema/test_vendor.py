"""Vendor profiles: the built-in ones, and what is wrong with others."""
# ruff: noqa: E501 - a message is one line

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from pytest_sixdim.core.vendor import CardModel, SamplerChoice
from pytest_sixdim.samplers import SAMPLERS
from pytest_sixdim.schema.errors import SchemaError
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor

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


@pytest.mark.parametrize("vendor", sorted(builtin_vendors()))
def test_built_in_profile_loads_and_asks_only_samplers_that_exist(vendor: str) -> None:
    profile = load_vendor(builtin_vendors()[vendor])
    assert profile.id == vendor
    assert {choice.sampler for choice in profile.samplers} <= set(SAMPLERS)


def test_cpu_counts_cores_and_reads_energy_and_memory() -> None:
    profile = load_vendor(builtin_vendors()["cpu"])
    assert (profile.enumerate, profile.device, profile.backend, profile.visible) == ("cores", "cpu", "gloo", ())
    assert profile.samplers == (
        SamplerChoice("rapl", ("energy",), {"path": "/sys/class/powercap"}),
        SamplerChoice("process_memory", ("memory",)),
    )


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
            "6: device_nodes: must be given where 'enumerate' is device_nodes, and only there",
        ),
        (
            'device_nodes: ["acme[0-9]*"]\n',
            "",
            "1: device_nodes: must be given where 'enumerate' is device_nodes, and only there",
        ),
        (
            '"acme[0-9]*"',
            "/dev/acme0",
            "6: device_nodes[0]: '/dev/acme0': must be a path below the directory, without '..'",
        ),
        (
            "channels: [power,",
            "channels: [pwoer,",
            "10: samplers[0].channels[0]: 'pwoer'; did you mean 'power'? allowed: energy, power, memory, temperature, utilization",
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
            "9: unverified: 'bakcend'; did you mean 'backend'? allowed: sixdim, id, name, name_zh, enumerate, device_nodes, pci_vendors, device, imports, backend, visible, container_visible, environment, samplers, cards, card_lost, unverified",
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
