"""Which logs a scorecard, or a session, was read from, and what was in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from pytest_sixdim.report.values import NONE

if TYPE_CHECKING:
    from pytest_sixdim.campaign.importing.session import ImportedSession
    from pytest_sixdim.campaign.importing.writing import WrittenRun

#: Characters of a hash that are shown; the whole one stands in scorecard.json.
SHOWN = 12
_COLUMNS = ("run", "files", "lines", "events", "malformed", "seed", "monitor", "status")


def imported_facts(record: Any) -> list[tuple[str, str]]:
    """Label and text a file, as in ("imported log", "full-1: result_1.txt, 84000 bytes, sha256 1f2e..."); none where
    nothing was imported."""
    if not isinstance(record, Mapping):
        return []
    files = record.get("files")
    shown = [_file(file) for file in files if isinstance(file, Mapping)] if isinstance(files, (list, tuple)) else []
    return [("imported", f"from logs in the format {record.get('format')}"), *shown]


def _file(file: Mapping[str, Any]) -> tuple[str, str]:
    run = f"{file['run']}: " if file.get("run") else ""
    sha256 = str(file.get("sha256"))[:SHOWN]
    return f"imported {file.get('role')}", f"{run}{file.get('name')}, {file.get('bytes')} bytes, sha256 {sha256}..."


def read_table(session: ImportedSession) -> str:
    """What was read of each run, a line each: its files, what its log held, what its monitors did, how it ended."""
    rows = [
        (
            run.name,
            "\n".join(file.path.name for file in run.files),
            run.read.lines,
            sum(run.read.events.values()),
            run.read.malformed,
            NONE if run.read.seed is None else run.read.seed,
            _monitors(run),
            run.status,
        )
        for run in session.runs
    ]
    return tabulate(rows, _COLUMNS, tablefmt="simple")


def _monitors(run: WrittenRun) -> str:
    told = [
        f"{monitor.readings} readings of {monitor.shown} cards, {monitor.dropped} dropped"
        if monitor.format
        else f"{sum(each['readings'] for each in monitor.undated.values())} readings without times"
        for monitor in run.monitors
        if monitor.file is not None
    ]
    return "\n".join(told) or NONE
