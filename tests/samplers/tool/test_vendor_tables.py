"""Tables of npu-smi, ixsmi, cnmon, mx-smi and hy-smi as they were captured, through the built-in profiles.

Sources: PaddlePaddle's, PaddleNLP's and FlagPerf's documents and public captures that the profiles name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

MIB = 2**20

ASCEND = """\
+------------------------------------------------------------------------------------------------+
| npu-smi 23.0.3                   Version: 23.0.3                                               |
+---------------------------+---------------+----------------------------------------------------+
| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|
| Chip                      | Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |
+===========================+===============+====================================================+
{rows}
+===========================+===============+====================================================+
"""
ILUVATAR = """\
|  IX-ML: 4.1.0       Driver Version: 4.1.0       CUDA Version: 10.2          |
|-------------------------------+----------------------+----------------------|
| GPU  Name                     | Bus-Id               | Clock-SM  Clock-Mem  |
| Fan  Temp  Perf  Pwr:Usage/Cap|      Memory-Usage    | GPU-Util  Compute M. |
|===============================+======================+======================|
| 0    Iluvatar BI-V150         | 00000000:13:00.0     | 1500MHz   1600MHz    |
| 0%   32C   P0    N/A / N/A    | 116MiB / 32768MiB    | 0%        Default    |
+-------------------------------+----------------------+----------------------+
| 1    Iluvatar BI-V150         | 00000000:16:00.0     | 1500MHz   1600MHz    |
| 0%   30C   P0    93W / 350W   | 116MiB / 32768MiB    | 0%        Default    |
+-------------------------------+----------------------+----------------------+
| Processes:                                                       GPU Memory |
|  GPU        PID      Process name                                Usage(MiB) |
|    0      12345      python3                                     64         |
"""
METAX = {
    "2.1.6": """\
| 0           MXC550                 | 0000:2a:00.0        | 0%                   |
| 31C         44W                    | 810/65536 MiB       |                      |
""",
    "2.2.4": """\
| 0           MetaX C500             | 0000:01:00.0        | 0%                   |
| 45C         48W / 350W             | 858/65536 MiB       | Available            |
""",
    "newer": """\
| 0     MetaX C500 | 0           Off | 0000:0e:00.0        | 0%          Disabled |
| 57W / 350W       | 35C          P0 | 826/65536 MiB       | Available            |
""",
}
HYGON = """\
================================= System Management Interface ==================================
HCU     Temp     AvgPwr     Perf     PwrCap     VRAM%      HCU%      Dec%      Enc%      Mode
0       55.0C    511.0W     manual   800.0W     98%        100.0%    0.0%      0.0%      Normal
========================================= End of SMI Log ======================================
"""


def test_ascend_910b2c(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints(
        "npu-smi",
        {
            "info": ASCEND.format(
                rows="""\
| 0     910B2C              | OK            | 89.9        53                0    / 0             |
| 0                         | 0000:5A:00.0  | 0           0    / 0          3317 / 65536         |"""
            )
        },
    )
    answer = ask("ascend")
    assert [(card.index, card.name, card.pci, card.total_bytes) for card in answer.cards] == [
        (0, "910B2C", "0000:5a:00.0", 65536 * MIB)
    ]
    assert answer.readings == {"power": [89.9], "temperature": [53.0], "utilization": [0.0], "memory": [3317 * MIB]}
    assert answer.sources["power"].scope == "card"
    assert answer.sources["power"].sampler == "npu-smi"
    assert answer.facts[0]["driver"] == "23.0.3"


def test_ascend_910a_has_neither_power_nor_hbm(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints(
        "npu-smi",
        {
            "info": ASCEND.format(
                rows="""\
| 4     910A                | OK            | NA          43                0    / 970           |
| 0     0                   | 0000:81:00.0  | 0           861  / 21534                           |"""
            ).replace("0     0  ", "0        ")
        },
    )
    answer = ask("ascend")
    assert answer.cards[0].index == 4
    assert answer.readings == {"temperature": [43.0], "utilization": [0.0], "memory": [861 * MIB]}
    assert answer.missing["power"] == "npu-smi has no value for it"
    assert answer.cards[0].total_bytes == 21534 * MIB


def test_ascend_910c_has_one_power_figure_for_two_chips(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints(
        "npu-smi",
        {
            "info": ASCEND.format(
                rows="""\
| 0     Ascend910           | OK            | 163.1       36                0    / 0             |
| 0     0                   | 0000:9D:00.0  | 0           0    / 0          3103 / 65536         |
+------------------------------------------------------------------------------------------------+
| 0     Ascend910           | OK            | -           37                0    / 0             |
| 1     1                   | 0000:9F:00.0  | 4           0    / 0          2889 / 65536         |
+===========================+===============+====================================================+
| 1     Ascend910           | OK            | 170.5       38                0    / 0             |
| 0     2                   | 0000:A1:00.0  | 0           0    / 0          3103 / 65536         |
+------------------------------------------------------------------------------------------------+
| 1     Ascend910           | OK            | -           39                0    / 0             |
| 1     3                   | 0000:A3:00.0  | 0           0    / 0          2889 / 65536         |"""
            )
        },
    )
    answer = ask("ascend")
    assert [(card.index, card.board) for card in answer.cards] == [(0, "0"), (1, "0"), (2, "1"), (3, "1")]
    assert answer.of("power") == [163.1, 163.1, 170.5, 170.5]
    assert answer.sources["power"].scope == "module"
    assert answer.sources["temperature"].scope == "card"
    assert answer.of("temperature") == [36.0, 37.0, 38.0, 39.0]
    assert answer.of("utilization") == [0.0, 4.0, 0.0, 0.0]


def test_ascend_rows_of_processes_are_no_cards(tools: Any, ask: Callable[..., Any]) -> None:
    tools.prints(
        "npu-smi",
        {
            "info": ASCEND.format(
                rows="""\
| 0     910B3               | OK            | 94.2        41                0    / 0             |
| 0                         | 0000:66:00.0  | 0           0    / 0          3411 / 65536         |
| 0     0                   | OK            | 0           0                 0    / 0             |
| 0     1                   | 4107830       | 0           0    / 0          0    / 0             |
| 1     910B3               | OK            | 96.4        44                0    / 0             |
| 1                         | 0000:19:00.0  | 0           0    / 0          3404 / 65536         |"""
            )
        },
    )
    answer = ask("ascend")
    assert [card.index for card in answer.cards] == [0, 1]
    assert answer.of("power") == [94.2, 96.4]


def test_iluvatar_table_gives_both_chips_the_power_of_their_board(tools: Any, ask: Callable[..., Any]) -> None:
    tools.script("ixsmi", f'[ $# = 0 ] || {{ echo "not a valid field"; exit 2; }}\ncat <<"END"\n{ILUVATAR}END')
    answer = ask("iluvatar")
    assert [(card.index, card.name, card.pci) for card in answer.cards] == [
        (0, "Iluvatar BI-V150", "0000:13:00.0"),
        (1, "Iluvatar BI-V150", "0000:16:00.0"),
    ]
    assert answer.of("power") == [93.0, 93.0]
    assert answer.sources["power"].scope == "module"
    assert answer.of("memory") == [116 * MIB, 116 * MIB]
    assert answer.of("temperature") == [32.0, 30.0]
    assert answer.of("utilization") == [0.0, 0.0]
    assert [(fact["driver"], fact["power_limit_watts"]) for fact in answer.facts] == [("4.1.0", 350.0)] * 2


def test_iluvatar_board_without_its_second_chip_has_no_power(tools: Any, ask: Callable[..., Any]) -> None:
    first_only = "\n".join(ILUVATAR.splitlines()[:8]) + "\n"
    tools.script("ixsmi", f'[ $# = 0 ] || exit 2\ncat <<"END"\n{first_only}END')
    answer = ask("iluvatar")
    assert len(answer.cards) == 1
    assert answer.missing["power"] == "ixsmi: one sensor for a board of which not all cards are leased"


@pytest.mark.parametrize(
    ("first", "second", "watts", "cap", "version"),
    [
        (
            "| 0     /   MLU370-X8    v1.1.6 |         0000:39:00.0 | 0%                N/A |",
            "|  0%   32C        106 W/ 250 W |     0 MiB/ 23374 MiB | N/A           Default |",
            106.0,
            250.0,
            "5.10.13",
        ),
        (
            "| 0     /   MLU220-M2    v1.1.4 |         0000:39:00.0 | 0%                N/A |",
            "|  0%   32C     3.70 W/ 8.25 W  |     0 MiB/ 23374 MiB | N/A           Default |",
            3.7,
            8.25,
            "5.10.13",
        ),
    ],
)
def test_cambricon_both_firmwares(
    tools: Any, ask: Callable[..., Any], first: str, second: str, watts: float, cap: float, version: str
) -> None:
    head = "| CNMON v5.10.13                                               Driver v5.10.13 |"
    tools.prints("cnmon", f"{head}\n{first}\n{second}\n")
    answer = ask("cambricon")
    assert answer.cards[0].name in first
    assert answer.cards[0].pci == "0000:39:00.0"
    assert answer.readings == {"power": [watts], "temperature": [32.0], "utilization": [0.0], "memory": [0.0]}
    assert answer.facts[0]["power_limit_watts"] == cap
    assert answer.facts[0]["driver"] == version


@pytest.mark.parametrize(
    ("layout", "name", "pci", "watts", "cap", "used", "degrees"),
    [
        ("2.1.6", "MXC550", "0000:2a:00.0", 44.0, None, 810, 31.0),
        ("2.2.4", "MetaX C500", "0000:01:00.0", 48.0, 350.0, 858, 45.0),
        ("newer", "MetaX C500", "0000:0e:00.0", 57.0, 350.0, 826, 35.0),
    ],
)
def test_metax_three_layouts(
    tools: Any,
    ask: Callable[..., Any],
    layout: str,
    name: str,
    pci: str,
    watts: float,
    cap: float | None,
    used: int,
    degrees: float,
) -> None:
    tools.prints("mx-smi", METAX[layout])
    tools.pci_device("9999")
    answer = ask("metax")
    card = answer.cards[0]
    assert (card.name, card.pci, card.total_bytes) == (name, pci, 65536 * MIB)
    assert answer.readings == {
        "power": [watts],
        "temperature": [degrees],
        "utilization": [0.0],
        "memory": [used * MIB],
    }
    assert answer.facts[0].get("power_limit_watts") == cap


@pytest.mark.parametrize("generation", ["HCU", "DCU"])
def test_hygon_table_by_header_and_no_memory_from_a_percentage(
    tools: Any, ask: Callable[..., Any], generation: str
) -> None:
    tools.script("hy-smi", f'[ $# = 0 ] || exit 2\ncat <<"END"\n{HYGON.replace("HCU", generation)}END')
    answer = ask("hygon")
    assert answer.readings == {"power": [511.0], "temperature": [55.0], "utilization": [100.0]}
    assert answer.sources["power"].method == "average"
    assert answer.facts[0]["power_limit_watts"] == 800.0
    assert answer.missing["memory"] == "hy-smi does not print it"
