"""What the terminal says of a session: all of it where that can be read, else what is most pressing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.visible import inert, visible
from pytest_sixdim.report.table import closing, remarks, table
from pytest_sixdim.report.values import verdict_word

#: Configurations in the table, and lines below it.
ROWS, REMARKS = 100, 200
#: The most pressing first.
_VERDICTS = ("fail", "suspect", "unknown", "unjudged")
_WORDS = tuple(verdict_word(verdict) for verdict in _VERDICTS)


def brief(scorecards: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table, the remarks and the last line. Raises what a scorecard that is not whole makes it raise."""
    said = remarks(scorecards)
    if len(said) > REMARKS:
        said = [*sorted(said, key=_place)[:REMARKS], _more(len(said) - REMARKS, "remark")]
    shown = most_pressing(scorecards)[:ROWS]
    rows = [table(inert(shown))]
    if len(shown) < len(scorecards):
        rows.append(_more(len(scorecards) - len(shown), "configuration"))
    return [*rows, *map(visible, said), visible(closing(scorecards))]


def most_pressing(scorecards: Sequence[Mapping[str, Any]], most: int = ROWS) -> list[Mapping[str, Any]]:
    """The scorecards as they come where there are at most so many, else those that failed first, then those of which
    something is not credible or not known."""
    return list(scorecards) if len(scorecards) <= most else sorted(scorecards, key=urgency)


def urgency(scorecard: Any) -> int:
    """The lower, the sooner a person should see it; a record that is no scorecard comes first."""
    try:
        verdicts = {result["verdict"] for result in scorecard["dimensions"].values() if result is not None}
    except (AttributeError, KeyError, TypeError):
        return 0
    return next((place for place, verdict in enumerate(_VERDICTS, 1) if verdict in verdicts), len(_VERDICTS) + 1)


def _place(remark: str) -> int:
    word = remark.partition(" ")[0]
    return _WORDS.index(word) if word in _WORDS else len(_WORDS)


def _more(number: int, noun: str) -> str:
    return f"... {count_of(number, noun)} more, less pressing: report.md in the results has all of them"
