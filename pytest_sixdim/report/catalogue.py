"""What cases, configurations, vendors and baselines there are, as tables for people and as one record for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from textwrap import wrap
from typing import Any

from tabulate import tabulate

from pytest_sixdim.campaign.catalogue import Catalogue, Entry
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.dimensions import DIMENSIONS, Dimension
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.report.table import ORDER
from pytest_sixdim.report.values import NONE, aim

#: Marks a figure whose meaning is doubtful: it is shown and judges nothing.
DISPUTED = "*"
#: Characters of a line of a source; a longer path stays whole.
SOURCE_WIDTH = 60


def cases_table(listed: Catalogue, base: Path) -> str:
    """A row a case. base: the folder that paths are shown from."""
    headers = ["case\ntask", "metric, target\ndata set", "configurations", "baselines", "quick"]
    return _table([_case_row(entry, base) for entry in listed.entries], headers)


def configurations_table(listed: Catalogue, base: Path) -> str:
    """A row a configuration, under its case: its id, and the cards whose baselines are of it."""
    return _by_case(
        listed,
        base,
        ["configuration", "baselines of"],
        lambda entry: [
            [each.id, ", ".join(dict.fromkeys(_origin(baseline) for baseline in entry.of(each))) or NONE]
            for each in entry.configurations
        ],
    )


def baselines_table(listed: Catalogue, base: Path) -> str:
    """A row a baseline, under its case: the figures as they were written, and what it is compared with."""
    headers = ["baseline\nsource", *ORDER, "compared with"]
    text = _by_case(listed, base, headers, lambda entry: [_baseline_row(entry, each) for each in entry.baselines])
    if any(_disputed(baseline) for entry in listed.entries for baseline in entry.baselines):
        text += f"\n\n{DISPUTED} disputed: shown beside what is measured, judges nothing"
    return text


def vendors_table(listed: Catalogue, vendors: Mapping[str, VendorProfile]) -> str:
    """A row a vendor: how its cards are trained on and read, and how many of the listed configurations are of it."""
    number = Counter(each.vendor for entry in listed.entries for each in entry.configurations)
    rows = [
        [
            profile.id,
            profile.name,
            f"{profile.device}, {profile.backend}",
            ", ".join(card.id for card in profile.cards) or NONE,
            ", ".join(dict.fromkeys(choice.sampler for choice in profile.samplers)) or NONE,
            str(number[profile.id]),
        ]
        for profile in sorted(vendors.values(), key=lambda profile: profile.id)
    ]
    return _table(rows, ["vendor", "name", "device, backend", "known cards", "read by", "configurations"])


def summary(listed: Catalogue) -> str:
    """As in "17 cases, 259 configurations of 14 vendors, 73 baselines"."""
    configurations = [each for entry in listed.entries for each in entry.configurations]
    vendors = {each.vendor for each in configurations}
    return (
        f"{count_of(len(listed.entries), 'case')}, {count_of(len(configurations), 'configuration')} of "
        f"{count_of(len(vendors), 'vendor')}, {count_of(sum(len(e.baselines) for e in listed.entries), 'baseline')}"
    )


def catalogue_record(listed: Catalogue, vendors: Mapping[str, VendorProfile], base: Path) -> dict[str, Any]:
    """All of it as plain types (docs/formats.md)."""
    return {
        "schema": 1,
        "cases": [_case_record(entry, base) for entry in listed.entries],
        "vendors": [
            {
                "id": profile.id,
                "name": profile.name,
                "device": profile.device,
                "backend": profile.backend,
                "cards": [card.id for card in profile.cards],
                "samplers": list(dict.fromkeys(choice.sampler for choice in profile.samplers)),
            }
            for profile in sorted(vendors.values(), key=lambda profile: profile.id)
        ],
        "problems": [
            {"path": shown_path(problem.path, base), "line": problem.line, "message": problem.message}
            for problem in listed.problems
        ],
    }


def shown_path(path: Path, base: Path) -> str:
    """A path as one would type it in `base`."""
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)


def _case_row(entry: Entry, base: Path) -> list[str]:
    case = entry.case
    vendors = list(dict.fromkeys(each.vendor for each in entry.configurations))
    of = vendors[0] if len(vendors) == 1 else count_of(len(vendors), "vendor")
    data = NONE if case.data is None else case.data.path
    return [
        f"{shown_path(case.path, base)}\n{case.title}: {case.task or NONE}",
        f"{aim(asdict(case.metric))}\n{data}",
        f"{len(entry.configurations)} of {of}" if vendors else NONE,
        str(len(entry.baselines) or NONE),
        "yes" if case.quick else "no",
    ]


def _baseline_row(entry: Entry, baseline: Baseline) -> list[str]:
    size = f"bs{baseline.batch_size}" + ("/job" if baseline.batch_scope == "job" else "")
    parts = [baseline.vendor, baseline.card, baseline.precision, size, f"{baseline.nodes}x{baseline.cards}"]
    about = [baseline.adapter, baseline.data if baseline.data == "generated" else "", "quick" if baseline.quick else ""]
    key = " ".join(part for part in (*parts, *about) if part)
    source = ", ".join(part for part in (baseline.source, baseline.date) if part)
    compared = [each.id for each in entry.behind(baseline)]
    return [
        "\n".join([key, *wrap(source, SOURCE_WIDTH, break_long_words=False, break_on_hyphens=False)]),
        *(_figure(baseline, dimension) for dimension in ORDER),
        "\n".join(compared) or "nothing: shown only",
    ]


def _figure(baseline: Baseline, dimension: Dimension) -> str:
    figure = baseline.figures.get(dimension)
    if figure is None:
        return NONE
    mark = DISPUTED if dimension in baseline.disputed else ""
    kind = baseline.speed_kind if dimension == "speed" else None
    return f"{figure.text}{mark}\n{', '.join(part for part in (figure.unit, kind) if part)}".strip()


def _disputed(baseline: Baseline) -> bool:
    return any(dimension in baseline.disputed for dimension in baseline.figures)


def _origin(baseline: Baseline) -> str:
    return f"{baseline.card} ({baseline.origin}{', generated data' if baseline.data == 'generated' else ''})"


def _by_case(listed: Catalogue, base: Path, headers: list[str], rows_of: Any) -> str:
    blocks = []
    for entry in listed.entries:
        rows = rows_of(entry)
        if rows:
            blocks.append(f"{shown_path(entry.case.path, base)}\n\n{_table(rows, headers)}")
    return "\n\n".join(blocks) or "none"


def _table(rows: Iterable[list[str]], headers: list[str]) -> str:
    return tabulate(list(rows), headers, tablefmt="simple", disable_numparse=True)


def _case_record(entry: Entry, base: Path) -> dict[str, Any]:
    case = entry.case
    return {
        "path": shown_path(case.path, base),
        "name": case.name,
        "title": case.title,
        "task": case.task,
        "metric": asdict(case.metric),
        "data": None if case.data is None else {"path": case.data.path, "must_contain": list(case.data.must_contain)},
        "flops_per_sample": case.flops_per_sample,
        "quick": case.quick is not None,
        "configurations": [
            {
                "id": each.id,
                "line": each.line,
                "vendor": each.vendor,
                "precision": each.precision,
                "batch_size": each.batch_size,
                "nodes": each.nodes,
                "cards": each.cards,
                "tag": each.tag,
                "adapter": each.adapter,
                "baselines": [baseline.line for baseline in entry.of(each)],
            }
            for each in entry.configurations
        ],
        "baselines": [_baseline_record(entry, baseline, base) for baseline in entry.baselines],
    }


def _baseline_record(entry: Entry, baseline: Baseline, base: Path) -> dict[str, Any]:
    return {
        "path": None if baseline.path is None else shown_path(baseline.path, base),
        "line": baseline.line,
        **{
            name: getattr(baseline, name)
            for name in (
                *("vendor", "card", "nodes", "cards", "precision", "batch_size", "batch_scope", "data", "generator"),
                *("quick", "adapter", "power_cap", "speed_kind", "origin", "source", "date", "software", "note"),
            )
        },
        "figures": {
            dimension: {"text": figure.text, "unit": figure.unit, "value": figure.value, "card0": figure.card0}
            for dimension in DIMENSIONS
            if (figure := baseline.figures.get(dimension))
        },
        "disputed": dict(baseline.disputed),
        "compared_with": [each.id for each in entry.behind(baseline)],
    }
