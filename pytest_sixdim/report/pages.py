"""The session's report as files beside its results."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.recorder import discard
from pytest_sixdim.campaign.files import read_json


def write_pages(directory: Path, scorecards: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write report.html and report.md into a session's folder; returns their names.

    Raises OSError where they can't be written, and nothing else: what is missing or broken is said in the report.
    """
    # Imported here: Jinja2 is not needed before there is something to show.
    from pytest_sixdim.report.markdown import markdown
    from pytest_sixdim.report.webpage import page_name, webpages

    session, problems = _session(directory)
    pages = 0
    for name, text in webpages(directory, session, scorecards, problems):
        _write(directory / name, text)
        pages += 1
    _write(directory / "report.md", markdown(directory, session, scorecards, problems))
    number = pages + 1
    while (stale := directory / page_name(number)).exists():  # of a longer report before
        discard(stale)
        number += 1
    return [f"report.html ({pages} pages)" if pages > 1 else "report.html", "report.md"]


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        discard(partial)
        raise OSError(error.errno, error.strerror, str(path)) from None


def _session(directory: Path) -> tuple[Mapping[str, Any], list[str]]:
    """session.json, and what is wrong with it."""
    try:
        record = read_json(directory / "session.json")
    except (OSError, ValueError, RecursionError) as error:
        return {}, [f"session.json can't be read: {error}"]
    return (record, []) if isinstance(record, dict) else ({}, ["session.json is broken: no JSON object"])
