"""JSON of mthreads-gmi, hy-smi, amd-smi and rocm-smi, through the built-in profiles."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

MIB = 2**20

# A public capture of two S5000 (abridged): a space after "Power Draw", the index a text.
MTHREADS = """\
{"Driver Version": "3.3.5-server", "Attached GPUs": "8", "GPU": [
 {"Index": "0", "Product Name": "MTT S5000", "GPU UUID": "399282a8", "Serial Number": "MY10YL225BF06077",
  "MTBios Version": "4.3.41", "PCI": {"Bus": "0x2A", "Bus ID": "00000000:2a:00.0"},
  "FB Memory Usage": {"Total": "81920MiB", "Used": "0MiB", "Free": "81920MiB"},
  "Utilization": {"Gpu": "0%", "Memory": "0%"}, "Temperature": {"GPU Current Temp": "27C"},
  "Power Readings": {"Power Draw ": "96.66W", "Current Power Limit": "950.00W"}},
 {"Index": "1", "Product Name": "MTT S5000", "GPU UUID": "5ebdeb63",
  "FB Memory Usage": {"Total": "80GiB", "Used": "2GiB", "Free": "78GiB"},
  "Utilization": {"Gpu": "7%", "Memory": "0%"}, "Temperature": {"GPU Current Temp": "26C"},
  "Power Readings": {"Power Draw ": "97.09W"}}]}
"""


def amd_card(gpu: int, power: Any = None, busy: Any = None, memory: Any = None) -> dict[str, Any]:
    """As "representative" samples have it (FlagPerf's neighbours; see the profile)."""
    return {
        "gpu": gpu,
        "usage": {"gfx_activity": {"value": 73, "unit": "%"} if busy is None else busy},
        "mem_usage": {
            "total_vram": {"value": 196592, "unit": "MB"},
            "used_vram": {"value": 2048, "unit": "MB"} if memory is None else memory,
        },
        "temperature": {"hotspot": {"value": 61, "unit": "C"}},
        "power": {"socket_power": {"value": 142, "unit": "W"} if power is None else power},
    }


def test_mthreads(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints("mthreads-gmi", {"-q -j": MTHREADS})
    answer = ask("mthreads")
    assert [(card.index, card.uuid, card.pci, card.total_bytes) for card in answer.cards] == [
        (0, "399282a8", "0000:2a:00.0", 81920 * MIB),
        (1, "5ebdeb63", None, 81920 * MIB),
    ]
    assert answer.readings == {
        "power": [96.66, 97.09],
        "memory": [0.0, 2048 * MIB],
        "utilization": [0.0, 7.0],
        "temperature": [27.0, 26.0],
    }
    assert answer.facts[0]["driver"] == "3.3.5-server"
    assert answer.facts[0]["power_limit_watts"] == 950.0


def test_mthreads_s80_prints_no_power(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints("mthreads-gmi", {"-q -j": MTHREADS.replace("96.66W", "N/A").replace("97.09W", "N/A")})
    answer = ask("mthreads")
    assert answer.missing["power"] == "mthreads-gmi has no value for it"
    assert answer.of("temperature") == [27.0, 26.0]


@pytest.mark.parametrize("wrapped", [True, False], ids=["wrapped", "bare"])
@pytest.mark.parametrize("warning", ["", "WARNING: User is missing the following required groups: render\n[notice]\n"])
def test_amd_smi_wrapped_or_not_with_a_warning_before_it_or_not(
    tools: Any, ask: Callable[..., Any], wrapped: bool, warning: str
) -> None:
    cards = [amd_card(0), amd_card(1)]
    tree: Any = {"gpu_data": cards} if wrapped else cards
    tools.prints("amd-smi", {"metric --json": warning + json.dumps(tree)})
    answer = ask("amd")
    assert answer.readings == {
        "power": [142.0, 142.0],
        "memory": [2048 * MIB, 2048 * MIB],
        "utilization": [73.0, 73.0],
        "temperature": [61.0, 61.0],
    }
    assert answer.cards[1].total_bytes == 196592 * MIB


def test_amd_smi_bare_numbers_and_what_it_cannot_read(tools: Any, ask: Callable[..., Any]) -> None:
    cards = [amd_card(0, power=142, busy=73, memory=2048), amd_card(1, power="N/A", busy="N/A"), amd_card(2, 65535)]
    tools.prints("amd-smi", {"metric --json": json.dumps(cards)})
    answer = ask("amd")
    assert answer.of("power") == [142.0, None, None]
    assert answer.of("utilization") == [73.0, None, 73.0]
    assert answer.of("memory") == [2048 * MIB] * 3


def test_amd_smi_other_names_of_the_power(tools: Any, ask: Callable[..., Any]) -> None:
    card = amd_card(0, power="N/A")
    card["power"]["current_socket_power"] = {"value": 151, "unit": "W"}
    tools.prints("amd-smi", {"metric --json": json.dumps([card])})
    assert ask("amd").of("power") == [151.0]


def test_amd_smi_says_who_the_cards_are_in_two_more_answers(tools: Any, ask: Callable[..., Any]) -> None:
    listed = [{"gpu": 0, "bdf": "0000:0C:00.0", "uuid": "86ff740f"}, {"gpu": 1, "bdf": "0000:22:00.0", "uuid": "87ff"}]
    named = [{"gpu": 1, "asic": {"market_name": "MI300X-O"}}, {"gpu": 0, "asic": {"market_name": "MI300X-O"}}]
    tools.prints(
        "amd-smi",
        {
            "metric --json": json.dumps([amd_card(0), amd_card(1)]),
            "list --json": json.dumps(listed),
            "static *": json.dumps(named),
        },
    )
    assert [(card.uuid, card.pci, card.name) for card in ask("amd").cards] == [
        ("86ff740f", "0000:0c:00.0", "MI300X-O"),
        ("87ff", "0000:22:00.0", "MI300X-O"),
    ]


def test_rocm_smi_where_there_is_no_amd_smi(tools: Any, ask: Callable[..., Any]) -> None:
    card = {
        "Temperature (Sensor edge) (C)": "35.0",
        "Average Graphics Package Power (W)": "34.0",
        "GPU use (%)": "12",
        "VRAM Total Memory (B)": "34342961152",
        "VRAM Total Used Memory (B)": "6750208",
    }
    tools.prints("rocm-smi", {"--showpower *": json.dumps({"card0": card, "system": {"Driver version": "6.1"}})})
    answer = ask("amd")
    assert [card.index for card in answer.cards] == [0]
    assert answer.readings == {
        "power": [34.0],
        "memory": [6750208.0],
        "utilization": [12.0],
        "temperature": [35.0],
    }
    assert answer.sources["power"].sampler == "rocm-smi"


@pytest.mark.parametrize("sensor", ["junction", "core", "edge"])
@pytest.mark.parametrize(("unit", "used", "total"), [("MiB", "1024", "65520"), ("B", "1073741824", "68702699520")])
@pytest.mark.parametrize("generation", ["HCU", "DCU"])
def test_hygon(
    tools: Any, ask: Callable[..., Any], generation: str, unit: str, used: str, total: str, sensor: str
) -> None:
    card = {
        f"{generation} use (%)": "42.5",
        f"vram Total Memory ({unit})": total,
        f"vram Total Used Memory ({unit})": used,
        "Average Graphics Package Power (W)": "104.0",
        f"Temperature (Sensor {sensor}) (C)": "48.0",
    }
    tools.prints("hy-smi", {"--showuse *": json.dumps({"card0": card})})
    answer = ask("hygon")
    assert answer.readings == {
        "power": [104.0],
        "memory": [1024 * MIB],
        "utilization": [42.5],
        "temperature": [48.0],
    }
    assert answer.cards[0].total_bytes == 65520 * MIB
    assert answer.sources["power"].method == "average"
