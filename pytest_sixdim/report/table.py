"""The six-dimension table, in the shape of the one that DeepSpark publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tabulate import SEPARATING_LINE, tabulate

from pytest_sixdim.core.dimensions import DIMENSIONS, Dimension
from pytest_sixdim.core.results import nature
from pytest_sixdim.report.attempts import origins
from pytest_sixdim.report.values import NONE, figure, target, verdict_word

#: The six dimensions in the published order.
ORDER: tuple[Dimension, ...] = ("speed", "accuracy", "power", "linearity", "memory", "stability")
HEADERS = (
    "model\ntask",
    "configuration\ntarget",
    "speed\nsamples/s",
    "accuracy",
    "power\nW",
    "linearity",
    "memory\nGiB/card",
    "stability",
    "verdict\njudged",
)


def table(scorecards: Sequence[Mapping[str, Any]], style: str = "simple") -> str:
    """One row a scorecard; each figure stands over its verdict. `style`: a table format of tabulate."""
    joint = "<br>" if style == "github" else "\n"
    headers = [header.replace("\n", joint) for header in HEADERS]
    rows: list[Any] = []
    for card in scorecards:
        if rows and style == "simple":
            rows.append(SEPARATING_LINE)
        rows.append(_row(card, joint))
    return tabulate(rows, headers, tablefmt=style, disable_numparse=True)


def _row(card: Mapping[str, Any], joint: str) -> list[str]:
    cells = [_cell(name, card["dimensions"][name], joint) for name in ORDER]
    told = (
        ("imported", card.get("imported")),
        ("generated data", card["data"] == "generated"),
        ("quick", card["quick"]),
    )
    marks = [word for word, there in told if there]
    configuration = joint.join([card["configuration"], target(card), *marks])
    return [card["title"] + joint + card["task"], configuration, *cells, card["status"] + joint + judged(card)]


def _cell(name: str, result: Mapping[str, Any] | None, joint: str) -> str:
    if result is None:
        return NONE
    if result["verdict"] == "not applicable":
        return "n/a"
    known = name == "speed" and result["value"] is not None
    what = nature(result.get("detail") or {}).split(", ") if known else []
    return joint.join([figure(name, result["value"]), *(word for word in what if word), result["verdict"]])


def judged(card: Mapping[str, Any]) -> str:
    """As in "4 of 6"."""
    return f"{card['judged']} of {len(DIMENSIONS)}"


def remarks(scorecards: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the table does not say: why a dimension did not simply pass, and what should be known of the figures."""
    lines = []
    for card in scorecards:
        where = f"{card['case']} {card['configuration']}"
        results = {name: card["dimensions"][name] for name in DIMENSIONS if card["dimensions"][name] is not None}
        for name, result in results.items():
            if result["verdict"] not in ("pass", "not applicable"):
                lines.append(f"{verdict_word(result['verdict'])} {where} {name}: {result['reason']}")
        flags: dict[str, list[str]] = {}
        for name, result in results.items():
            for flag in result["flags"]:
                flags.setdefault(flag, []).append(name)
        known = set(flags)
        for flag, names in flags.items():
            # linearity repeats what is already said of the speeds that it is made of
            if names != ["linearity"] or flag.partition(": ")[2] not in known:
                lines.append(f"note {where} {', '.join(names)}: {flag}")
        lines += [f"note {where}: {origin}" for origin in origins(card.get("runs") or ())]
    return lines


def closing(scorecards: Sequence[Mapping[str, Any]]) -> str:
    """The last line: how much was judged, and what came of it."""
    asked = [card["dimensions"][name] for card in scorecards for name in DIMENSIONS]
    verdicts = [result["verdict"] for result in asked if result is not None]
    counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
    judged = counts.get("pass", 0) + counts.get("fail", 0)
    text = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
    return f"judged {judged} of {len(verdicts)} asked ({text})"
