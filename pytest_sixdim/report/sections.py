"""One scorecard as the page's template needs it: plain texts, pictures, no arithmetic left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.results import DimensionResult
from pytest_sixdim.core.scorecard import Scorecard
from pytest_sixdim.report.adapter import adapter_facts
from pytest_sixdim.report.attempts import notes
from pytest_sixdim.report.course import number
from pytest_sixdim.report.curves import figures
from pytest_sixdim.report.dimension_view import DimensionView, dimension_view
from pytest_sixdim.report.escaping import folder_link
from pytest_sixdim.report.evidence import RunEvidence, read_evidence
from pytest_sixdim.report.figure import Figure
from pytest_sixdim.report.imported import imported_fact
from pytest_sixdim.report.radar import radar
from pytest_sixdim.report.table import ORDER, judged
from pytest_sixdim.report.values import NONE, figure, target


@dataclass(frozen=True)
class RunView:
    """One run as a row."""

    name: str
    link: str | None
    role: str
    seed: str
    status: str
    seconds: str
    speed: str
    accuracy: str
    sampling: str
    message: str
    notes: str


@dataclass(frozen=True)
class Section:
    """One scorecard.

    Attributes:
        ident: unique in the page; `link`: the scorecard's folder as an address relative to the page.
        target: as in "top1 >= 97 %"; `judged`: as in "4 of 6".
        facts: label and text of what was measured; `baseline`: of what it is compared with.
        marks: what must be known before any figure is read: imported logs, generated data, quick settings, a short
            window.
        radar: None with fewer than three scores; `unscored` says which dimension has none, and why.
        failed: the runs that did not come to their end.
        problems: run and what of it is missing or broken.
    """

    ident: str
    link: str | None
    card: Scorecard
    target: str
    judged: str
    facts: Sequence[tuple[str, str]]
    baseline: Sequence[tuple[str, str]]
    marks: Sequence[str]
    dimensions: Sequence[DimensionView]
    radar: Markup | None
    unscored: Sequence[tuple[str, str]]
    figures: Sequence[Figure]
    runs: Sequence[RunView]
    failed: Sequence[RunEvidence]
    problems: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Heading:
    """One scorecard as a row of the table. `href`: where the row leads; `nature`: of the speed, as in "compute,
    self-reported"; the rest as in Section."""

    href: str | None
    card: Scorecard
    target: str
    judged: str
    nature: str
    marks: Sequence[str]


def heading(record: Mapping[str, Any], ident: str, detailed: bool) -> Heading:
    """A scorecard's row. `detailed`: its section is in the page as `ident`; else the row leads to its file.

    Raises ValueError or KeyError for a record that is no scorecard.
    """
    card = Scorecard.from_json(record)
    folder = folder_link(f"{card.case}/{card.configuration}")
    href = f"#{ident}" if detailed else folder and f"{folder}scorecard.json"
    speed = dimension_view("speed", card.dimensions.get("speed"))
    return Heading(href, card, target(record), judged(record), speed.nature, marks(card))


def section(session: Path, record: Mapping[str, Any], ident: str) -> Section:
    """A scorecard's section; its runs' files are read.

    Raises ValueError or KeyError for a record that is no scorecard.
    """
    card = Scorecard.from_json(record)
    runs = read_evidence(session, card)
    scores: dict[str, float] = {
        name: result.score
        for name in ORDER
        if (result := card.dimensions.get(name)) is not None and result.score is not None
    }
    return Section(
        ident=ident,
        link=folder_link(f"{card.case}/{card.configuration}"),
        card=card,
        target=target(record),
        judged=judged(record),
        facts=_facts(card, target(record)),
        baseline=[(name, str(text)) for name, text in (card.baseline or {}).items() if text],
        marks=marks(card),
        dimensions=[dimension_view(name, card.dimensions.get(name)) for name in ORDER],
        radar=radar(scores, f"{ident}-radar"),
        unscored=[(name, _unscored(card.dimensions.get(name))) for name in ORDER if name not in scores],
        figures=figures(card, runs, ident),
        runs=[_run(run) for run in runs],
        failed=[run for run in runs if run.failed],
        problems=[(run.name, problem) for run in runs for problem in run.problems],
    )


def marks(card: Scorecard) -> list[str]:
    """What must be known before any figure is read."""
    flags = [flag for name in DIMENSIONS if (result := card.dimensions.get(name)) for flag in result.flags]
    found = [] if card.imported is None else ["imported from logs"]
    if card.data == "generated":
        found.append(f"generated data{f' ({card.generator})' if card.generator else ''}")
    if card.quick:
        found.append("quick settings")
    if any(flag.startswith("short window") for flag in flags):
        found.append("short window")
    if card.power_cap is not None:
        found.append(f"power capped at {shown(card.power_cap)} W")
    return found


def _facts(card: Scorecard, target: str) -> list[tuple[str, str]]:
    key = card.key
    return [
        ("case", card.case),
        ("task", card.task),
        ("target", target),
        ("card", card.card or NONE),
        ("precision", str(key.get("precision"))),
        ("batch size", f"{key.get('batch_size')} a card"),
        ("nodes × cards", f"{key.get('nodes')} × {key.get('cards')}"),
        ("data", card.data),
        *((name, str(key[name])) for name in ("tag",) if key.get(name)),
        *adapter_facts(card),
        *([imported_fact(card.imported)] if card.imported else []),
    ]


def _unscored(result: DimensionResult | None) -> str:
    if result is None:
        return "not asked for"
    return "no baseline" if result.verdict in ("pass", "fail", "unjudged") and not result.baseline else result.verdict


def _run(run: RunEvidence) -> RunView:
    given = run.summary
    return RunView(
        name=run.name,
        link=run.link,
        role=str(given.get("role")),
        seed=NONE if given.get("seed") is None else str(given["seed"]),
        status=str(given.get("status")),
        seconds=NONE if (seconds := number(given.get("seconds"))) is None else f"{seconds:.1f}",
        speed=figure("speed", number(given.get("speed"))),
        accuracy=figure("accuracy", number(given.get("accuracy"))),
        sampling=_sampling(given.get("sampler")),
        message=str(given.get("message") or ""),
        notes="; ".join(notes(given)),
    )


def _sampling(cost: Any) -> str:
    """What sampling the cards took: "0.21 % of a core, every 0.1 s (at most 0.13 s)"."""
    known = {name: number(value) for name, value in cost.items()} if isinstance(cost, Mapping) else {}
    share, period, longest = (known.get(name) for name in ("cpu_share", "period_p50", "period_max"))
    texts = [f"{100 * share:.2f} % of a core"] if share is not None else []
    if period is not None and longest is not None:
        texts.append(f"every {shown(period)} s (at most {shown(longest)} s)")
    counts = [(known.get(f"{name}s"), name) for name in ("gap", "error")]
    texts += [f"{count:.0f} {name}{'s' if count > 1 else ''}" for count, name in counts if count]
    return ", ".join(texts) or NONE
