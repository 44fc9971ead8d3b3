"""report.html: one page that needs nothing but itself.

Every text in the templates is escaped by Jinja2, after `visible` has replaced what is not seen; only pictures, whose
texts svg.py escapes itself, and the page's own style pass as they are. The page's policy forbids scripts and remote
loads, and lets only that style apply.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pytest_sixdim.core.visible import visible
from pytest_sixdim.report.brief import urgency
from pytest_sixdim.report.facts import facts, started
from pytest_sixdim.report.sections import Heading, heading, section
from pytest_sixdim.report.table import HEADERS, ORDER, closing
from pytest_sixdim.report.unreadable import unreadable
from pytest_sixdim.report.values import NONE, figure

TEMPLATES = Path(__file__).with_name("page")
#: A sign for each verdict beside its word, so that no colour is needed.
SIGNS = {"pass": "✓", "fail": "✗", "unjudged": "○", "unknown": "?", "suspect": "!", "incomplete": "○"}
#: Marks of a scorecard that the page opens with, and what they mean.
WARNINGS = {
    "Imported": "Read from logs that somebody has recorded, where it is marked: nothing was run or sampled here, and "
    "nobody can check that the logs are what they seem.",
    "Quick settings": "Trainings were cut short: only accuracy, stability and the health of the runs are judged; "
    "no other figure says how fast or frugal a card is.",
    "Generated data": "Trained on made-up data, not on the case's data set, where it is marked.",
    "Short window": "Segments or warm-up were shorter than the method asks, where it is marked: such figures may "
    "move with every repetition.",
}
#: Configurations in the table of one page, and those whose figures and curves are shown below it.
ROWS, DETAILS = 500, 50
#: Lines about what failed, and about what can't be shown.
PRESSING = 200
#: Verdicts that the page opens with.
ATTENTION = ("fail", "suspect", "unknown")


@dataclass(frozen=True)
class Shown:
    """One scorecard in the page: its row, and all else where there is room."""

    record: Mapping[str, Any]
    heading: Heading
    row: Markup
    detail: Markup | None


def webpage(
    directory: Path,
    session: Mapping[str, Any],
    scorecards: Sequence[Mapping[str, Any]],
    problems: Sequence[str] = (),
) -> str:
    """report.html itself; the arguments are those of `webpages`."""
    return next(webpages(directory, session, scorecards, problems))[1]


def webpages(
    directory: Path,
    session: Mapping[str, Any],
    scorecards: Sequence[Mapping[str, Any]],
    problems: Sequence[str] = (),
) -> Iterator[tuple[str, str]]:
    """Name and text of report.html and, where there are more than ROWS configurations, of the pages of the others.

    Of more than DETAILS configurations those that failed come first, and only the first have all their figures shown.

    Args:
        directory: the session's folder.
        session: session.json, empty where it could not be read.
        scorecards: as scorecard.json has them.
        problems: what is already known to be missing.
    """
    environment = _environment()
    shown: list[Shown] = []
    missing = list(problems)
    entries = list(enumerate(scorecards, 1))
    if len(entries) > DETAILS:
        entries.sort(key=lambda entry: urgency(entry[1]))
    for place, (index, record) in enumerate(entries):
        try:
            shown.append(_shown_as(environment, directory, record, f"s{index}", detailed=place < DETAILS))
        except Exception as error:  # a page about the others is better than none
            missing.append(unreadable(index, record, error))
    pages = [shown[first : first + ROWS] for first in range(0, len(shown), ROWS)] or [[]]
    names = [page_name(number) for number in range(1, len(pages) + 1)]
    found = facts(directory, session)
    attention = [entry for each in shown for entry in _attention(each)]
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    for number, (name, page) in enumerate(zip(names, pages, strict=True), 1):
        first = number == 1
        yield (
            name,
            environment.get_template("page.html").render(
                name=directory.name,
                when=started(directory),
                cards=dict(found["Cards"])["cards"],
                facts=found if first else {},
                warnings=[(mark, text) for mark, text in WARNINGS.items() if any(_has(each, mark) for each in page)],
                columns=[header.split("\n") for header in HEADERS],
                rows=[each.row for each in page],
                sections=[each.detail for each in page if each.detail is not None],
                pages=[(each, f"{(i - 1) * ROWS + 1}–{min(i * ROWS, len(shown))}") for i, each in enumerate(names, 1)],
                number=number,
                total=len(shown),
                details=min(DETAILS, len(shown)),
                attention=attention[:PRESSING] if first else [],
                more=max(0, len(attention) - PRESSING),
                closing=closing([each.record for each in shown]) if shown else "nothing was measured",
                problems=[*missing[:PRESSING], *_and_more(missing)] if first else [],
                style=Markup(style),  # noqa: S704 - the project's own file
                style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            ),
        )


def page_name(number: int) -> str:
    """report.html, report-2.html, ..."""
    return "report.html" if number == 1 else f"report-{number}.html"


def _shown_as(
    environment: Environment, directory: Path, record: Mapping[str, Any], ident: str, detailed: bool
) -> Shown:
    """Raises whatever a record that is not whole makes it raise."""
    top = heading(record, ident, detailed)
    row = environment.get_template("row.html").render(section=top)
    if not detailed:
        return Shown(record, top, Markup(row), None)  # noqa: S704 - rendered with autoescape
    detail = environment.get_template("scorecard.html").render(section=section(directory, record, ident))
    return Shown(record, top, Markup(row), Markup(detail))  # noqa: S704 - rendered with autoescape


def _and_more(missing: Sequence[str]) -> list[str]:
    return [f"and {len(missing) - PRESSING} more"] if len(missing) > PRESSING else []


def _has(each: Shown, mark: str) -> bool:
    return any(found.startswith(mark.lower()) for found in each.heading.marks)


def _attention(each: Shown) -> list[tuple[str | None, str, str, str, str]]:
    """Link, configuration, verdict, dimension and reason of whatever failed, is not credible or is not known."""
    card = each.heading.card
    where = f"{card.case} {card.configuration}"
    results = [(name, card.dimensions.get(name)) for name in ORDER]
    return [
        (each.heading.href, where, result.verdict, name, result.reason)
        for name, result in results
        if result is not None and result.verdict in ATTENTION
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(figure=figure, order=ORDER, sign=_sign, NONE=NONE)
    return environment


def _shown(value: object) -> object:
    """What a template prints: pictures as they are, nothing as "–", every other text with all of it visible."""
    if isinstance(value, Markup):
        return value
    return NONE if value is None else visible(value)


def _sign(verdict: str | None) -> str:
    return SIGNS.get(verdict or "", NONE)
