"""Which logs a scorecard, or a session, was read from, and what was in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.visible import visible
from pytest_sixdim.report.values import NONE

if TYPE_CHECKING:
    from pytest_sixdim.campaign.importing.monitors.samples import MonitorRead
    from pytest_sixdim.campaign.importing.session import ImportedSession
    from pytest_sixdim.campaign.importing.writing import WrittenRun

#: Characters of a hash that are shown; the whole one stands in scorecard.json.
SHOWN = 12
#: What a log says of its run that is worth a reader's glance, by its key there.
SAID = ("submission_benchmark", "submission_org", "submission_platform", "global_batch_size")
_COLUMNS = ("run", "file", "read", "seed", "status")


def imported_facts(record: Any) -> list[tuple[str, str]]:
    """Label and text a file, as in ("log", "full-1: result_1.txt, 84000 bytes, sha256 1f2e..."), under what they are;
    none where nothing was imported."""
    if not isinstance(record, Mapping):
        return []
    said = dict.fromkeys(text for file in _files(record) if (text := _said(file.get("says"))))
    return [imported_fact(record), *(("the logs say", text) for text in said), *map(_file, _files(record))]


def imported_fact(record: Mapping[str, Any]) -> tuple[str, str]:
    """As in ("imported", "5 logs in the format mllog")."""
    logs = sum(file.get("role") == "log" for file in _files(record))
    return "imported", f"{count_of(logs, 'log')} in the format {record.get('format')}"


def _files(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    files = record.get("files")
    return [file for file in files if isinstance(file, Mapping)] if isinstance(files, (list, tuple)) else []


def _file(file: Mapping[str, Any]) -> tuple[str, str]:
    run = f"{file['run']}: " if file.get("run") else ""
    sha256 = str(file.get("sha256"))[:SHOWN]
    return str(file.get("role")), f"{run}{file.get('name')}, {file.get('bytes')} bytes, sha256 {sha256}..."


def _said(says: Any) -> str:
    """As in "submission_benchmark resnet, global_batch_size 3264"."""
    return ", ".join(f"{name} {says[name]}" for name in SAID if name in says) if isinstance(says, Mapping) else ""


def read_table(session: ImportedSession) -> str:
    """What was read of each run, a line a file: what its log held, what its monitors did, how it ended."""
    rows = [row for run in session.runs for row in _rows(run, session.scorecard["configuration"])]
    return tabulate([[visible(cell) for cell in row] for row in rows], _COLUMNS, tablefmt="simple")


def _rows(run: WrittenRun, configuration: str) -> Iterator[tuple[str, ...]]:
    """The log's row, and one a monitor. A run of the configuration itself is called by its own name only."""
    read = run.read
    events = f"{count_of(sum(read.events.values()), 'event')} in {count_of(read.lines, 'line')}"
    malformed = f", {read.malformed} malformed" if read.malformed else ""
    seed = NONE if run.seed is None else str(run.seed)
    name = run.name.removeprefix(f"{configuration}/")
    yield (name if name != run.name else "--single"), read.file.path.name, events + malformed, seed, run.status
    for monitor in run.monitors:
        if monitor.file is not None:
            yield "", monitor.file, _monitored(monitor), "", ""


def _monitored(monitor: MonitorRead) -> str:
    if monitor.format is None:
        return f"{count_of(sum(each['readings'] for each in monitor.undated.values()), 'reading')} without times"
    dropped = f", {monitor.dropped} dropped" if monitor.dropped else ""
    return f"{count_of(monitor.readings, 'reading')} of {count_of(monitor.shown, 'card')}{dropped}"
