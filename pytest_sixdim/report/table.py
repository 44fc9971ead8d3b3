"""The six-dimension table, in the shape of the one that DeepSpark publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.report.values import NONE, figure, quantity, target, verdict_word

#: Columns as published, the six dimensions in the published order.
ORDER = ("speed", "accuracy", "power", "linearity", "memory", "stability")
HEADERS = (
    "task",
    "model",
    "target",
    "configuration",
    "speed\nsamples/s",
    "accuracy",
    "power\nW",
    "linearity",
    "memory\nGiB/card",
    "stability",
    "judged",
)


def table(scorecards: Sequence[Mapping[str, Any]], style: str = "simple_grid") -> str:
    """One row a scorecard; each figure stands over its verdict. `style`: a table format of tabulate."""
    joint = "<br>" if style == "github" else "\n"
    headers = [header.replace("\n", joint) for header in HEADERS]
    return tabulate([_row(card, joint) for card in scorecards], headers, tablefmt=style, disable_numparse=True)


def _row(card: Mapping[str, Any], joint: str) -> list[str]:
    cells = [_cell(name, card["dimensions"][name], joint) for name in ORDER]
    marks = [
        word for word, there in (("generated data", card["data"] == "generated"), ("quick", card["quick"])) if there
    ]
    configuration = joint.join([card["configuration"], *marks])
    return [card["task"], card["title"], target(card), configuration, *cells, judged(card)]


def _cell(name: str, result: Mapping[str, Any] | None, joint: str) -> str:
    if result is None:
        return NONE
    word = result["verdict"]
    if word == "not applicable":
        return "n/a"
    return f"{figure(name, result['value'])}{joint}{word}"


def judged(card: Mapping[str, Any]) -> str:
    """As in "4 of 6"."""
    return f"{card['judged']} of {len(DIMENSIONS)}"


def remarks(scorecards: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the table does not say: for every dimension that did not simply pass the reason, and all flags."""
    lines = []
    for card in scorecards:
        for name in DIMENSIONS:
            result = card["dimensions"][name]
            if result is None or result["verdict"] == "not applicable":
                continue
            where = f"{card['case']} {card['configuration']} {name}"
            if result["verdict"] != "pass":
                value = quantity(name, result["value"], result["unit"])
                lines.append(f"{verdict_word(result['verdict'])} {where} {value}: {result['reason']}")
            lines += [f"note {where}: {flag}" for flag in result["flags"]]
    return lines


def closing(scorecards: Sequence[Mapping[str, Any]]) -> str:
    """The last line: how much was judged, and whether all of it passed."""
    asked = [card["dimensions"][name] for card in scorecards for name in DIMENSIONS]
    verdicts = [result["verdict"] for result in asked if result is not None]
    counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
    judged = counts.get("pass", 0) + counts.get("fail", 0)
    text = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    return f"judged {judged} of {len(verdicts)} asked ({text})"
