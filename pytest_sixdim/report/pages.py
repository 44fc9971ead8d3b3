"""The session's report as files beside its results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_sixdim.report.table import closing, remarks, table


def write_pages(directory: Path, scorecards: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write report.md into a session's folder; returns the names of the files written."""
    (directory / "report.md").write_text(markdown(scorecards), encoding="utf-8")
    return ["report.md"]


def markdown(scorecards: Sequence[Mapping[str, Any]]) -> str:
    """The table and its remarks as Markdown."""
    lines = ["# Six dimensions", "", table(scorecards, "github"), ""]
    lines += [f"- {remark}" for remark in remarks(scorecards)]
    return "\n".join([*lines, "", closing(scorecards), ""])
