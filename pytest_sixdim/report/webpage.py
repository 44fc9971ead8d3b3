"""report.html: one page that needs nothing but itself.

Every text in the templates is escaped by Jinja2, after `visible` has replaced what is not seen; only pictures, whose
texts svg.py escapes itself, and the page's own style pass as they are. The page's policy forbids scripts and remote
loads, and lets only that style apply.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pytest_sixdim.report.escaping import visible
from pytest_sixdim.report.facts import facts, started
from pytest_sixdim.report.sections import Section, section
from pytest_sixdim.report.table import HEADERS, ORDER, closing
from pytest_sixdim.report.unreadable import unreadable
from pytest_sixdim.report.values import NONE, figure

TEMPLATES = Path(__file__).with_name("page")
#: A sign for each verdict beside its word, so that no colour is needed.
SIGNS = {"pass": "✓", "fail": "✗", "unjudged": "○", "unknown": "?", "suspect": "!", "incomplete": "○"}
#: Marks of a scorecard that the page opens with, and what they mean.
WARNINGS = {
    "Quick settings": "Trainings were cut short: only accuracy, stability and the health of the runs are judged; "
    "no other figure says how fast or frugal a card is.",
    "Generated data": "Trained on made-up data, not on the case's data set, where it is marked.",
    "Short window": "Segments or warm-up were shorter than the method asks, where it is marked: such figures may "
    "move with every repetition.",
}
#: Verdicts that the page opens with.
ATTENTION = ("fail", "suspect", "unknown")


def webpage(
    directory: Path,
    session: Mapping[str, Any],
    scorecards: Sequence[Mapping[str, Any]],
    problems: Sequence[str] = (),
) -> str:
    """The page.

    Args:
        directory: the session's folder.
        session: session.json, empty where it could not be read.
        scorecards: as scorecard.json has them.
        problems: what is already known to be missing.
    """
    environment = _environment()
    sections: list[Section] = []
    rows: list[Markup] = []
    details: list[Markup] = []
    missing = list(problems)
    for index, record in enumerate(scorecards, 1):
        try:
            shown = section(directory, record, f"s{index}")
            texts = [environment.get_template(name).render(section=shown) for name in ("row.html", "scorecard.html")]
        except Exception as error:  # a page about the others is better than none
            missing.append(unreadable(index, record, error))
            continue
        sections.append(shown)
        rows.append(Markup(texts[0]))  # noqa: S704 - rendered with autoescape
        details.append(Markup(texts[1]))  # noqa: S704 - rendered with autoescape
    found = facts(directory, session)
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(
        name=directory.name,
        when=started(directory),
        cards=dict(found["Cards"])["cards"],
        facts=found,
        warnings=[(mark, text) for mark, text in WARNINGS.items() if any(_has(each, mark) for each in sections)],
        columns=[header.split("\n") for header in HEADERS],
        rows=rows,
        sections=details,
        attention=[entry for each in sections for entry in _attention(each)],
        closing=closing([each.card.to_json() for each in sections]) if sections else "nothing was measured",
        problems=missing,
        style=Markup(style),  # noqa: S704 - the project's own file
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def _has(each: Section, mark: str) -> bool:
    return any(found.startswith(mark.lower()) for found in each.marks)


def _attention(each: Section) -> list[tuple[str, str, str, str, str]]:
    """Link, configuration, verdict, dimension and reason of whatever failed, is not credible or is not known."""
    where = f"{each.card.case} {each.card.configuration}"
    return [
        (each.ident, where, view.verdict, view.name, view.reason)
        for view in each.dimensions
        if view.verdict in ATTENTION
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
