"""Tables for people with two rows a card, read by unit and not by column: columns move between versions, units stay.

The first row has the card's number and name. The second is the next that has a pair of memory used and total. In the
second, values are known by their unit: "57W / 350W", "35C", "826/65536 MiB".
"""

from __future__ import annotations

import re
from typing import Literal

from pytest_sixdim.samplers.tool.lines import lines
from pytest_sixdim.samplers.tool.units import Cell

# None of these tries a line's parts in more ways than the line is long: a tool may print anything.
FIRST = r"^\|\s*(?P<index>\d+)\s(?P<name>[^|]*)\|"

_MEMORY = re.compile(r"(?<!\d)(?P<memory>\d+)(?:\s*[MG]iB)?\s*/\s*(?P<memory_total>\d+)\s*(?P<unit>[MG]iB)")
_POWER = re.compile(r"(?<![\d.])(?P<power>\d+(?:\.\d+)?)\s*W(?:\s*/\s*(?P<power_limit>\d+(?:\.\d+)?)\s*W)?")
_TEMPERATURE = re.compile(r"(?<![\d.])(\d+)\s*C\b")
_UTILIZATION = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)\s*%")
_PCI = re.compile(r"(?<![\w:])[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7](?![\w.])")


def read_table(
    text: str,
    first: str = FIRST,
    second: str | None = None,
    utilization: Literal["first", "second"] | None = None,
) -> list[dict[str, Cell]]:
    """One record a pair of rows.

    Args:
        text: what the tool printed.
        first: pattern of the first row; its named groups are labels of the record.
        second: pattern of the second row, likewise; without it the second row is read by unit into the labels
            memory, memory_total, power, power_limit and temperature.
        utilization: which row has the utilisation in its last cell; None where neither has.

    A first row that no second follows is no card's (tables of processes begin with a number too).
    """
    records: list[dict[str, Cell]] = []
    pending: tuple[str, dict[str, Cell]] | None = None
    for line in lines(text):
        if pending is not None and (values := _second(line, second)):
            above, record = pending
            bus = _PCI.search(above) or _PCI.search(line)
            busy = _last_cell(above if utilization == "first" else line) if utilization else None
            records.append(
                {
                    **({"pci": Cell(bus[0])} if bus else {}),
                    **({"utilization": busy} if busy else {}),
                    **record,
                    **values,
                }
            )
            pending = None
        elif (match := re.search(first, line)) is not None:
            pending = line, _groups(match)
    return records


def _second(line: str, pattern: str | None) -> dict[str, Cell] | None:
    """What a second row says, None where the line is none."""
    if pattern is not None:
        match = re.search(pattern, line)
        return None if match is None else _groups(match)
    memory = _MEMORY.search(line)
    if memory is None:
        return None
    values = {"power": Cell(""), "temperature": Cell("")}  # where no unit matches, there is no value
    values |= {name: Cell(memory[name], memory["unit"]) for name in ("memory", "memory_total")}
    power, temperature = _POWER.search(line), _TEMPERATURE.search(line)
    if power is not None:
        values |= {name: Cell(value, "W") for name, value in power.groupdict().items() if value is not None}
    if temperature is not None:
        values["temperature"] = Cell(temperature[1], "C")
    return values


def _last_cell(line: str) -> Cell | None:
    match = _UTILIZATION.search(line.rstrip().rstrip("|").rpartition("|")[2])
    return Cell(match[1], "%") if match else None


def _groups(match: re.Match[str]) -> dict[str, Cell]:
    return {name: Cell(value.strip()) for name, value in match.groupdict().items() if value is not None}
