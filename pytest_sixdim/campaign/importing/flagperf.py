"""The directory of a FlagPerf run: run<time>/<case>/round<n>/<host>_noderank<k>/{rank<r>.out.log, <vendor>_monitor.log}
(FlagPerf, training/README.md)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.schema.vendor import builtin_vendors

RANK_LOG = re.compile(r"rank(\d+)\.out\.log(\.gz)?")
NODE = re.compile(r".*_noderank(\d+)")
#: Monitors of the host, not of its cards.
OF_THE_HOST = ("cpu_monitor.", "mem_monitor.", "pwr_monitor.", "sys_monitor.")
#: model:framework:hardware:nodes:ranks of a node:rounds
CASE = re.compile(r"[^:]+:[^:]+:[^:]+:\d{1,5}:(\d{1,5}):\d{1,5}")
_MONITOR = re.compile(r"(.+)_monitor\.log(?:\.gz)?")
#: Levels from the directory that is given to that of a node: run, case, round, node.
DEPTH = 4


@dataclass(frozen=True)
class LoggedRun:
    """The files of one run: the log that is read, and one monitor's log a node (None where there is none)."""

    log: Path
    monitors: tuple[Path | None, ...] = ()


def logged_runs(directory: Path, nodes: int, ranks: Collection[int]) -> list[LoggedRun]:
    """The runs below a directory, its rounds in order.

    ranks: how many a node may have. Raises CannotImport where there is no run, where they are of several cases, and
    where one has another number of nodes or ranks; OSError.
    """
    of_nodes = list(_node_directories(directory, DEPTH))
    if not of_nodes:
        raise CannotImport(f"{directory}: holds no rank<n>.out.log, as a run of FlagPerf has them")
    rounds: dict[Path, list[Path]] = {}
    for node in of_nodes:
        rounds.setdefault(node.parent if NODE.fullmatch(node.name) else node, []).append(node)
    cases = sorted({each.parent for each in rounds}, key=str) if len(rounds) > 1 else []
    if len(cases) > 1:
        raise CannotImport(f"{directory}: holds several cases, give the directory of one: {', '.join(map(str, cases))}")
    return [_run(each, sorted(rounds[each], key=_rank), nodes, ranks) for each in sorted(rounds, key=_natural)]


def _run(directory: Path, of_nodes: list[Path], nodes: int, ranks: Collection[int]) -> LoggedRun:
    if len(of_nodes) != nodes:
        raise CannotImport(f"{directory}: {count_of(len(of_nodes), 'node')}, the configuration has {nodes}")
    return LoggedRun(_logs(of_nodes, ranks)[0], tuple(_monitor(node) for node in of_nodes))


def _logs(of_nodes: Sequence[Path], ranks: Collection[int]) -> list[Path]:
    """Those of the first node, in order. A launcher that writes one log for all ranks says nothing of their number.

    Raises CannotImport where a node has another number, or the directory of the case says another.
    """
    expected = " or ".join(map(str, sorted(ranks)))
    for node in of_nodes:
        number = sum(1 for each in node.iterdir() if RANK_LOG.fullmatch(each.name))
        named = next((match for each in node.absolute().parents[:2] if (match := CASE.fullmatch(each.name))), None)
        if number not in (1, *ranks):
            raise CannotImport(f"{node}: logs of {number} ranks, the configuration has {expected} a node")
        if named and int(named[1]) not in ranks:
            raise CannotImport(f"{node}: {named[1]} ranks a node by the case's name, the configuration has {expected}")
    return sorted((each for each in of_nodes[0].iterdir() if RANK_LOG.fullmatch(each.name)), key=_natural)


def _monitor(node: Path) -> Path | None:
    """The log of the cards' monitor. Raises CannotImport where there are several."""
    found = sorted(
        each for each in node.iterdir() if _MONITOR.fullmatch(each.name) and not each.name.startswith(OF_THE_HOST)
    )
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise CannotImport(f"{node}: several monitors of cards: {names}")
    return found[0] if found else None


def of_another_vendor(monitor: Path, vendor: str) -> str | None:
    """The vendor that a monitor's log is of by its name, where that is a known one and not `vendor`."""
    match = _MONITOR.fullmatch(monitor.name)
    other = match[1] if match else vendor
    known = builtin_vendors()
    return other if other != vendor and other in known and vendor in known else None


def _node_directories(directory: Path, depth: int) -> Iterator[Path]:
    """Those that hold logs of ranks, not followed through links."""
    entries = sorted(directory.iterdir(), key=_natural)
    if any(RANK_LOG.fullmatch(each.name) for each in entries):
        yield directory
    elif depth:
        for each in entries:
            if each.is_dir() and not each.is_symlink():
                yield from _node_directories(each, depth - 1)


def _rank(node: Path) -> int:
    """Of a node, whatever its host is called."""
    match = NODE.fullmatch(node.name)
    return int(match[1]) if match else 0


def _natural(path: Path) -> tuple[str, ...]:
    """round2 comes before round10."""
    return tuple(part.zfill(12) if part.isdigit() else part for part in re.split(r"(\d+)", str(path)))
