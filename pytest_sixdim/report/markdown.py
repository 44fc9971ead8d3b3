"""report.md: the table, the remarks and the session's facts, for GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from pytest_sixdim.report.attempts import HEADERS, launches
from pytest_sixdim.report.escaping import markdown_text
from pytest_sixdim.report.facts import facts
from pytest_sixdim.report.table import closing, remarks, table
from pytest_sixdim.report.unreadable import unreadable

#: Parts of a scorecard, larger than all others, that stand in the page only; but these of a detail.
NOT_SHOWN = ("detail", "baseline", "limit", "machine")
SHOWN_OF_DETAIL = ("kind", "self_reported")


def markdown(
    directory: Path,
    session: Mapping[str, Any],
    scorecards: Sequence[Mapping[str, Any]],
    problems: Sequence[str] = (),
) -> str:
    """The text; the arguments are those of the web page."""
    cards, unshown = _whole(scorecards)
    missing = [*problems, *unshown]
    lines = ["# Six dimensions", ""]
    lines += [f"**Not complete:** {markdown_text(problem)}\n" for problem in missing]
    lines += [table(cards, "github"), ""] if cards else ["No scorecard was written in this session.", ""]
    lines += [f"- {remark}" for remark in remarks(cards)]
    lines += ["", closing(cards), ""] if cards else []
    lines += _launches(cards)
    for heading, pairs in facts(directory, session).items():
        lines += [f"## {heading}", ""]
        lines += [f"- {markdown_text(name)}: {markdown_text(text)}" for name, text in pairs]
        lines.append("")
    return "\n".join(lines)


def _whole(scorecards: Sequence[Mapping[str, Any]]) -> tuple[list[Any], list[str]]:
    """The scorecards that can be shown, escaped, and why others can't: a table of those is better than none."""
    try:
        return _checked(scorecards), []
    except Exception:
        cards, missing = [], []
        for index, record in enumerate(scorecards, 1):
            try:
                cards += _checked([record])
            except Exception as error:
                missing.append(unreadable(index, record, error))
        return cards, missing


def _checked(scorecards: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The scorecards, escaped. Raises what one that is not whole makes the views of it raise."""
    cards = [_escaped(record) for record in scorecards]
    for view in (table, remarks, launches, closing):
        view(cards)
    return cards


def _launches(cards: Sequence[Mapping[str, Any]]) -> list[str]:
    """Every launch of the runs that took several."""
    rows = launches(cards)
    table = tabulate(rows, HEADERS, tablefmt="github", disable_numparse=True)
    return ["## Runs that were launched more than once", "", table, ""] if rows else []


def _escaped(record: Any) -> Any:
    """The record with every text in it escaped, without what is not shown; keys stay."""
    if isinstance(record, Mapping):
        parts = {key: _escaped(value) for key, value in record.items() if key not in NOT_SHOWN}
        detail = record.get("detail")
        if isinstance(detail, Mapping):
            parts["detail"] = {key: _escaped(detail[key]) for key in SHOWN_OF_DETAIL if key in detail}
        return parts
    if isinstance(record, (list, tuple)):
        return [_escaped(value) for value in record]
    return markdown_text(record) if isinstance(record, str) else record
