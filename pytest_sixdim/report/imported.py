"""Which logs a scorecard, or a session, was read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Characters of a hash that are shown; the whole one stands in scorecard.json.
SHOWN = 12


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
