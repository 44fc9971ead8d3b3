"""What vendors' monitors print. Lines marked verbatim are of FlagPerf's READMEs or of public captures of the tools."""

from __future__ import annotations

import pytest

from pytest_sixdim.campaign.importing.monitors.formats import formats_of
from pytest_sixdim.samplers.tool.reading import CardReading
from pytest_sixdim.schema.vendor import builtin_vendors, load_vendor

MIB = 2**20

# Verbatim, npu-smi 23.0.3; the rows of the second card are the first's with other figures.
ASCEND = """\
+----------------------------------------------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
| 0     910B2C              | OK            | 89.9        53                0    / 0             |
| 0                         | 0000:5A:00.0  | 0           0    / 0          3317 / 65536         |
+===========================+===============+====================================================+
| 1     910B2C              | OK            | 91.5        54                0    / 0             |
| 0                         | 0000:5B:00.0  | 12          0    / 0          3318 / 65536         |
"""
# Verbatim, FlagPerf's training/ascend/README.md: no power, and no HBM beside the memory.
ASCEND_910A = """\
| 4     910A                | OK            | NA          43                0    / 970           |
| 0     0                   | 0000:81:00.0  | 0           861  / 21534                           |
"""
# Verbatim, mx-smi 2.2.4.
METAX = """\
| 0           MetaX C500             | 0000:01:00.0        | 0%                   |
| 45C         48W / 350W             | 858/65536 MiB       | Available            |
"""
# Verbatim, FlagPerf's training/dcu/README.md, under the header of rocm-smi.
DCU = """\
============================ System Management Interface =============================
DCU     Temp     AvgPwr     Perf     PwrCap     VRAM%      DCU%      Mode
0       53.0C    96.0W      auto     300.0W     0%         0%        Normal
"""


def read(vendor: str, text: str, card: str | None = None) -> list[CardReading]:
    """The cards that the first fitting format finds."""
    profile = load_vendor(builtin_vendors()[vendor])
    found = (form.read(text.splitlines()) for form in formats_of(profile, card))
    return next((cards for cards in found if cards), [])


def values(card: CardReading, *names: str) -> list[float | None]:
    return [card.values.get(name) for name in names]


@pytest.mark.parametrize(
    ("vendor", "line", "watts", "used", "total", "busy"),
    [
        ("nvidia", "31C 57W 15MiB 40536MiB 0%", 57, 15, 40536, 0),
        ("iluvatar", "26C 50W 513MiB 32768MiB 0%", 50, 513, 32768, 0),
        ("kunlunxin", "40C 114W 28653MiB 32768MiB 94%", 114, 28653, 32768, 94),
        ("mthreads", "45C 109.51W 1MiB 32768MiB 0%", 109.51, 1, 32768, 0),
        # Made from awk's columns and a row of cnmon 5.10.13: FlagPerf has no sample.
        ("cambricon", "32C 106 W/ 0 MiB/ 23374 0%", 106, 0, 23374, 0),
    ],
)
def test_a_line_a_card(vendor: str, line: str, watts: float, used: int, total: int, busy: float) -> None:
    one, two = read(vendor, f"{line}\n{line}\n")
    assert [one.index, two.index] == [0, 1]
    assert values(one, "power", "memory", "memory_total", "utilization") == [watts, used * MIB, total * MIB, busy]


@pytest.mark.parametrize("missing", ["N/A", "[N/A]", "NA", "N/AW"])
def test_a_power_that_is_not_available_is_missing_and_never_0(missing: str) -> None:
    (card,) = read("nvidia", f"30C {missing} 116MiB 32768MiB 0%")
    assert values(card, "power", "memory") == [None, 116 * MIB]


def test_a_line_whose_first_field_is_not_available_still_is_a_cards() -> None:
    (card,) = read("nvidia", "N/A 57W 15MiB 40536MiB 0%")
    assert values(card, "temperature", "power") == [None, 57.0]


@pytest.mark.parametrize(
    "line", ["NVIDIA-SMI has failed because it", "/bin/sh: 1: nvidia-smi: not found", "31C 57W 15MiB", "a b c d e", ""]
)
def test_what_a_tool_says_when_it_fails_is_no_card(line: str) -> None:
    assert read("nvidia", line) == []


def test_npu_smis_table_is_read_by_its_rows() -> None:
    one, two = read("ascend", ASCEND)
    assert values(one, "power", "temperature", "memory", "memory_total") == [89.9, 53.0, 3317 * MIB, 65536 * MIB]
    assert values(two, "power", "utilization") == [91.5, 12.0]
    (old,) = read("ascend", ASCEND_910A)
    assert values(old, "power", "memory", "memory_total") == [None, 861 * MIB, 21534 * MIB]


def test_mx_smis_table_is_read_by_its_units() -> None:
    (card,) = read("metax", METAX)
    assert values(card, "power", "memory", "memory_total", "temperature") == [48.0, 858 * MIB, 65536 * MIB, 45.0]


@pytest.mark.parametrize(
    ("line", "watts", "used"),
    # Verbatim, FlagPerf's base/vendors/metax/metax_analysis.py and training/metax/README.md (mx-smi 2.0.12).
    [("35C 58W 280W 666/65536 MiB", 58, 666), ("|  35C  56W   | 914/65536 MiB |", 56, 914)],
)
def test_mx_smis_rows_without_those_that_number_the_cards_are_counted(line: str, watts: float, used: int) -> None:
    one, two = read("metax", f"{line}\n{line}\n")
    assert [one.index, two.index] == [0, 1]
    assert values(two, "temperature", "power", "memory", "memory_total") == [35.0, watts, used * MIB, 65536 * MIB]


def test_a_memory_that_the_monitor_made_of_a_percentage_is_none() -> None:
    """Made from awk's columns: FlagPerf's base monitor of a DCU multiplies hy-smi's VRAM% by 64 GiB."""
    (card,) = read("hygon", "53.0C 96.0W 39976.96MiB 65536MiB 99%")
    assert values(card, "power", "memory", "memory_total", "utilization") == [96.0, None, None, 99.0]


def test_rocm_smi_of_a_dcu_shows_no_memory_but_a_percentage_of_nobody_knows_what() -> None:
    (card,) = read("hygon", DCU)
    assert values(card, "power", "temperature", "utilization", "memory") == [96.0, 53.0, 0.0, None]


def test_cnmons_own_table_is_read_too() -> None:
    text = (
        "| 0     /   MLU370-X8    v1.1.6 |         0000:39:00.0 | 0%                N/A |\n"
        "|  0%   32C        106 W/ 250 W |     0 MiB/ 23374 MiB | N/A           Default |\n"
    )
    (card,) = read("cambricon", text)
    assert values(card, "power", "memory_total") == [106.0, 23374 * MIB]
