"""Comma-separated answers of nvidia-smi, ixsmi, hl-smi, xpu-smi and brsmi, through the built-in profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

MIB = 2**20

# FlagPerf's README for A100: "31C 57W 15MiB 40536MiB 0%" and "30C 54W 74MiB 40536MiB 3%".
NVIDIA = """\
index, name, uuid, pci.bus_id, driver_version, {power} [W], power.limit [W], memory.used [MiB], memory.total [MiB], \
utilization.gpu [%], temperature.gpu, clocks.current.sm [MHz], clocks.max.sm [MHz]
0, NVIDIA A100-SXM4-40GB, GPU-1a2b, 00000000:3B:00.0, 470.82.01, 57.00 W, 400.00 W, 15 MiB, 40536 MiB, 0 %, 31, \
210 MHz, 1410 MHz
1, NVIDIA A100-SXM4-40GB, GPU-2b3c, 00000000:5E:00.0, 470.82.01, 54.00 W, 400.00 W, 74 MiB, 40536 MiB, 3 %, 30, \
[N/A], 1410 MHz
"""
ILUVATAR = """\
index, name, uuid, pci.bus_id, {power} [W], memory.used [MiB], memory.total [MiB], utilization.gpu [%], temperature.gpu
0, Iluvatar BI-V100, GPU-a, 00000000:13:00.0, 61 W, 116 MiB, 32768 MiB, 0 %, 32
1, Iluvatar BI-V100, GPU-b, 00000000:16:00.0, 93 W, 118 MiB, 32768 MiB, 5 %, 30
"""
# A comment of all-smi's parser.
GAUDI = (
    "0, 01P4-HL3090A0-18-U4V193-22-07-00, HL-325L, 1.22.1-97ec1a4, 131072 MiB, 672 MiB, 130400 MiB, 226 W, 850 W, "
    "36 C, 0 %\n"
)
# Public captures of xpu-smi on Data Center GPU Max 1100.
INTEL_DUMP = """\
Timestamp, DeviceId, GPU Utilization (%), GPU Power (W), GPU Frequency (MHz), \
GPU Core Temperature (Celsius Degree), GPU Memory Used (MiB)
14:32:57.448,    0, 0.00, 106.60,    0,  N/A, 28.02
14:32:57.449,    1, 0.01, 105.25, 1550,  41.5, 28.02
"""
INTEL_DISCOVERY = """\
{"device_list": [
 {"device_function_type": "physical", "device_id": 0, "device_name": "Intel(R) Data Center GPU Max 1100",
  "pci_bdf_address": "0000:29:00.0", "uuid": "00000000-0000-0029-0000-002f0bda8086"},
 {"device_function_type": "physical", "device_id": 1, "device_name": "Intel(R) Data Center GPU Max 1100",
  "pci_bdf_address": "0000:9a:00.0", "uuid": "00000000-0000-009a-0000-002f0bda8086"}]}
"""


@pytest.mark.parametrize(
    ("name", "method"), [("power.draw.instant", "instant"), ("power.draw", "average")], ids=["newer", "older"]
)
def test_nvidia_by_header(tools: Any, ask: Callable[..., Any], name: str, method: str) -> None:
    tools.prints("nvidia-smi", {f"*,{name},*": NVIDIA.format(power=name)})
    answer = ask("nvidia")
    assert [(card.index, card.name, card.uuid, card.pci) for card in answer.cards] == [
        (0, "NVIDIA A100-SXM4-40GB", "GPU-1a2b", "0000:3b:00.0"),
        (1, "NVIDIA A100-SXM4-40GB", "GPU-2b3c", "0000:5e:00.0"),
    ]
    # nvidia-smi prints no unit of the temperature.
    assert answer.readings == {
        "power": [57.0, 54.0],
        "memory": [15 * MIB, 74 * MIB],
        "utilization": [0.0, 3.0],
        "temperature": [31.0, 30.0],
        "clock": [210.0, None],
    }
    assert answer.sources["power"].method == method
    assert answer.facts[1] == {
        "driver": "470.82.01",
        "power_limit_watts": 400.0,
        "clock_max_mhz": 1410.0,
        "utilization_percent": 3.0,
        "memory_used_bytes": 74 * MIB,
        "temperature_celsius": 30.0,
    }


def test_nvidia_columns_in_another_order_read_the_same(tools: Any, ask: Callable[..., Any]) -> None:
    rows = [line.split(", ") for line in NVIDIA.format(power="power.draw").splitlines()]
    swapped = "\n".join(", ".join(reversed(row)) for row in rows)
    tools.prints("nvidia-smi", {"*,power.draw,*": swapped})
    answer = ask("nvidia")
    assert answer.of("power") == [57.0, 54.0]
    assert answer.of("temperature") == [31.0, 30.0]


@pytest.mark.parametrize("refusal", ["exit", "text"])
@pytest.mark.parametrize("name", ["power.draw", "gpu.power.draw", "board.power.draw"])
def test_iluvatar_whatever_its_version_calls_the_power(
    tools: Any, ask: Callable[..., Any], name: str, refusal: str
) -> None:
    answer_file = tools.bin / "answer"
    answer_file.write_text(ILUVATAR.format(power=name))
    end = "exit 2" if refusal == "exit" else "exit 0"
    tools.script(
        "ixsmi",
        f'case "$*" in *,{name},*) cat "{answer_file}";; '
        f'*) echo "Field \\"power\\" is not a valid field to query."; {end};; esac',
    )
    answer = ask("iluvatar")
    assert answer.of("power") == [61.0, 93.0]
    assert answer.of("memory") == [116 * MIB, 118 * MIB]
    # BI-V100 has one chip a board.
    assert answer.sources["power"].scope == "card"
    assert [card.uuid for card in answer.cards] == ["GPU-a", "GPU-b"]


def test_iluvatar_chips_of_a_board_that_print_different_watts_are_no_board_sensor(
    tools: Any, ask: Callable[..., Any]
) -> None:
    text = ILUVATAR.format(power="gpu.power.draw").replace("BI-V100", "BI-V150")
    tools.prints("ixsmi", {"*,gpu.power.draw,*": text})
    answer = ask("iluvatar")
    assert "power" not in answer.readings
    assert answer.missing["power"] == "ixsmi: board 0 has one sensor and prints 61 W and 93 W"
    assert answer.of("temperature") == [32.0, 30.0]


def test_gaudi_without_header(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints("hl-smi", {"*csv,noheader": GAUDI})
    answer = ask("gaudi")
    card = answer.cards[0]
    assert (card.index, card.name, card.uuid) == (0, "HL-325L", "01P4-HL3090A0-18-U4V193-22-07-00")
    assert card.total_bytes == 131072 * MIB
    assert answer.readings == {"power": [226.0], "memory": [672 * MIB], "temperature": [36.0], "utilization": [0.0]}
    assert (answer.facts[0]["power_limit_watts"], answer.facts[0]["driver"]) == (850.0, "1.22.1-97ec1a4")


def test_gaudi_is_known_by_its_module_where_hl_smi_says_it(tools: Any, ask: Callable[..., Any]) -> None:
    head = "index, module_id, uuid, bus_id, name, driver_version, memory.total [MiB], memory.used [MiB], "
    head += "power.draw [W], power.max [W], temperature.aip [C], utilization.aip [%]\n"
    row = "{}, {}, u{}, 0000:{}:00.0, HL-325L, 1.22.1, 131072 MiB, 672 MiB, 226 W, 850 W, 36 C, 0 %\n"
    tools.prints("hl-smi", {"*-f csv": head + row.format(0, 2, 0, "33") + row.format(1, 3, 1, "34")})
    assert [(card.index, card.pci) for card in ask("gaudi").cards] == [(2, "0000:33:00.0"), (3, "0000:34:00.0")]


def test_intel_dump_with_the_cards_names_from_discovery(tools: Any, ask: Callable[..., Any]) -> None:
    tools.pci_device("8086")
    tools.prints("xpu-smi", {"dump -d -1*": INTEL_DUMP, "discovery -j": INTEL_DISCOVERY})
    answer = ask("intel")
    assert [(card.index, card.name, card.uuid, card.pci) for card in answer.cards] == [
        (0, "Intel(R) Data Center GPU Max 1100", "00000000-0000-0029-0000-002f0bda8086", "0000:29:00.0"),
        (1, "Intel(R) Data Center GPU Max 1100", "00000000-0000-009a-0000-002f0bda8086", "0000:9a:00.0"),
    ]
    assert answer.readings == {
        "power": [106.6, 105.25],
        "memory": [28.02 * MIB, 28.02 * MIB],
        "utilization": [0.0, 0.01],
        "clock": [0.0, 1550.0],
        "temperature": [None, 41.5],
    }


def test_intel_dump_without_discovery_still_reads(tools: Any, ask: Callable[..., Any]) -> None:
    tools.pci_device("8086")
    tools.prints("xpu-smi", {"dump -d -1*": INTEL_DUMP})
    answer = ask("intel")
    assert [(card.index, card.uuid) for card in answer.cards] == [(0, None), (1, None)]
    assert answer.of("power") == [106.6, 105.25]


def test_biren_as_public_scripts_ask(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints("brsmi", {"*csv,noheader,nounits": "0, 0\n1, 31000\n"})
    answer = ask("biren")
    assert answer.readings == {"memory": [0.0, 31000 * MIB]}
    assert answer.missing["power"] == "brsmi does not print it"
