"""Labelled values of npu-smi and efsmi, and the words of Kunlunxin's xpu-smi, through the built-in profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_sixdim.samplers import SamplerUnavailable

MIB = 2**20

# npu-smi of driver 25.5.1: "Chip ID" comes after the values here.
POWER = """\
        NPU ID                         : 0
        Chip Count                     : 1

        {label:<30} : {watts}
        Chip ID                        : 0
"""
USAGES = """\
        NPU ID                         : 0
        Chip Count                     : 1
        HBM Capacity(MB)               : 65536
        HBM Usage Rate(%)              : 5
        Aicore Usage Rate(%)           : 0
        NPU Utilization(%)             : 0
        Chip ID                        : 0
"""
TEMPERATURE = """\
        NPU ID                         : 0
        Chip ID                        : 0
        {label:<30} : 47
"""
ENFLAME = """\
DEV ID 0
    Device Info
        Dev Name                : S60
        Dev SN                  : A0A1650510676
    Power Info
        Cur Power               : {power}
        Power Capa              : 300 W
    Device Mem Info
        Total Size              : 42976 MiB
        Used Size               : 0 MiB
        Reserved Size           : 1129 MiB
    GCU Info
        GCU Temp                : 35 {degrees}
        GCU Usage               : 0.0 %
DEV ID 1
    Device Info
        Dev Name                : S60
    GCU Info
        GCU Usage               : 30 %
        GCU Temp                : 45 {degrees}
    Power Info
        Power Capa              : 300 W
        Cur Power               : 102 W
    Device Mem Info
        Used Size               : 1024 MiB
        Total Size              : 42976 MiB
"""
# The older names of efsmi's memory.
ENFLAME_OLDER = """\
DEV ID 0
    Power Capa              : 300 W
    Cur Power               : 102 W
    Mem Size                : 42976 MiB
    Mem Usage               : 1129 MiB
    GCU Temp                : 41 C
    GCU Usage               : 0.0 %
"""
P800 = (
    "00000000:03:00.0 0 0 02K15K624CV00304 36 0 0 0 86 1450 1450 1450 1450 1450 1450 2 96 90440 98304 0 "
    '1.0:2.6:1.39.1.7 "P800 OAM" 0 0 0 0 0 0 0 0 0 0\n'
)


@pytest.mark.parametrize("chip", [True, False], ids=["by chip", "Ascend 950 refuses -c"])
@pytest.mark.parametrize("power", ["NPU Real-time Power(W)", "Power Dissipation(W)", "Power(W)"])
@pytest.mark.parametrize("temperature", ["NPU Temperature (C)", "Temperature (C)", "Temperature(C)"])
def test_ascend_labels(tools: Any, ask: Callable[..., Any], power: str, temperature: str, chip: bool) -> None:
    only = " -c 0" if chip else ""
    tools.prints(
        "npu-smi",
        {
            f"info -t power -i 0{only}": POWER.format(label=power, watts=103.5),
            f"info -t usages -i 0{only}": USAGES,
            f"info -t temp -i 0{only}": TEMPERATURE.format(label=temperature),
        },
    )
    answer = ask("ascend")
    assert [card.index for card in answer.cards] == [0]
    assert answer.readings == {
        "power": [103.5],
        "temperature": [47.0],
        "utilization": [0.0],
        "memory": [0.05 * 65536 * MIB],  # a whole percent of the total is all that -t usages has
    }


def test_ascend_asks_each_card_and_stops_after_the_last(tools: Any, sampler_of: Callable[..., Any]) -> None:
    power = POWER.format(label="Power(W)", watts=90)
    tools.prints("npu-smi", {f"info -t power -i {index} -c 0": power for index in (4, 5)})
    assert [card.index for card in sampler_of("ascend").cards()] == [4, 5]
    asked = [call.split(" -i ")[1] for call in tools.called() if "-t power" in call]
    assert asked[:9] == ["0 -c 0", "1 -c 0", "2 -c 0", "3 -c 0", "4 -c 0", "4 -c 1", "5 -c 0", "5 -c 1", "6 -c 0"]
    assert "7 -c 0" not in asked


def test_ascend_two_chips_without_an_address_are_not_guessed_at(tools: Any, ask: Callable[..., Any]) -> None:
    power = POWER.format(label="NPU Real-time Power(W)", watts=163.1)
    tools.prints("npu-smi", {f"info -t power -i 0 -c {chip}": power for chip in (0, 1)})
    with pytest.raises(SamplerUnavailable, match="2 of 2 cards have number 0"):
        ask("ascend")


@pytest.mark.parametrize("degrees", ["℃", "C", "'C"])
def test_enflame(tools: Any, ask: Callable[..., Any], degrees: str) -> None:
    tools.prints("efsmi", {"-q": ENFLAME.format(power="96 W", degrees=degrees)})
    answer = ask("enflame")
    assert [(card.index, card.name, card.total_bytes) for card in answer.cards] == [
        (0, "S60", 42976 * MIB),
        (1, "S60", 42976 * MIB),
    ]
    assert answer.readings == {
        "power": [96.0, 102.0],
        "memory": [0.0, 1024 * MIB],
        "temperature": [35.0, 45.0],
        "utilization": [0.0, 30.0],
    }
    assert answer.facts[0]["power_limit_watts"] == 300.0


def test_enflame_virtual_card_prints_no_power(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints("efsmi", {"-q": ENFLAME.format(power="N/A", degrees="C")})
    assert ask("enflame").of("power") == [None, 102.0]


def test_enflame_older_labels(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints("efsmi", {"-q": ENFLAME_OLDER})
    answer = ask("enflame")
    assert answer.of("memory") == [1129 * MIB]
    assert answer.of("power") == [102.0]


@pytest.mark.parametrize("tool", ["xpu-smi", "xpu_smi"])
def test_kunlunxin(tools: Any, ask: Callable[..., Any], tool: str) -> None:
    tools.pci_device("1d22")
    tools.prints(tool, {"-m": P800})
    answer = ask("kunlunxin")
    card = answer.cards[0]
    assert (card.index, card.name, card.pci, card.total_bytes) == (0, "P800 OAM", "0000:03:00.0", 98304 * MIB)
    assert answer.readings == {
        "power": [86.0],
        "memory": [90440 * MIB],
        "temperature": [36.0],
        "utilization": [0.0],
    }


def test_kunlunxin_line_of_another_length_is_no_card(tools: Any, sampler_of: Callable[..., Any]) -> None:
    tools.pci_device("1d22")
    tools.prints("xpu-smi", {"-m": P800.replace(" 0\n", "\n")})
    with pytest.raises(SamplerUnavailable, match="xpu-smi: no card in what it prints"):
        sampler_of("kunlunxin").cards()


@pytest.mark.parametrize(("vendor", "there"), [("kunlunxin", "8086"), ("intel", "1d22"), ("metax", "1f36")])
def test_tool_of_the_same_name_is_not_run_on_another_vendors_host(
    tools: Any, sampler_of: Callable[..., Any], vendor: str, there: str
) -> None:
    tools.pci_device(there)
    for name in ("xpu-smi", "xpu_smi", "mx-smi"):
        tools.prints(name, P800)
    with pytest.raises(SamplerUnavailable, match=r"no PCI device of vendor .*, whose tool is meant"):
        sampler_of(vendor).cards()
    assert tools.called() == []


def test_milliwatts_taken_for_watts_are_refused(tools: Any, ask: Callable[..., Any]) -> None:
    tools.pci_device("1d22")
    tools.prints("xpu-smi", {"-m": P800.replace(" 86 ", " 86000 ")})
    answer = ask("kunlunxin")
    assert answer.missing["power"] == "xpu-smi: implausible: card 0 draws 86000 W"
    assert answer.of("temperature") == [36.0]
