"""This session's figures as baseline entries (--sixdim-save-baseline)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.recorder import discard
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.baseline import Baseline, Figure
from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.core.results import JUDGED, DimensionResult
from pytest_sixdim.core.scorecard import Scorecard, not_recordable
from pytest_sixdim.schema.baseline_text import dump_baselines

#: Significant digits that a recorded figure is written with: more than any of them is worth, so that rounding costs
#: nothing.
DIGITS = 7


def check_target(path: Path) -> None:
    """Refuse a file that is there already, and a directory that is not.

    Raises SettingsError: figures once recorded are not overwritten.
    """
    if path.exists():
        raise SettingsError(f"--sixdim-save-baseline {path}: exists already; name a new file and merge its entries")
    if not path.parent.is_dir():
        raise SettingsError(f"--sixdim-save-baseline {path}: there is no directory {path.parent}")


def record_baselines(path: Path, scorecards: Iterable[Mapping[str, Any]], session: Mapping[str, Any]) -> list[str]:
    """Write the figures that may become baselines, and say what was written and what was not, and why.

    One file a case: `path` where there is one case, else `path` with the case's name before its suffix.
    """
    entries: dict[str, list[Baseline]] = {}
    lines = []
    for record in scorecards:
        card = Scorecard.from_json(record)
        why = not_recordable(card) or (None if card.card else "the card is not known")
        if why is None:
            entries.setdefault(card.case, []).append(_entry(card, session))
            lines += [
                f"not in the baseline of {card.case} {card.configuration}: {dimension}: {reason}"
                for dimension, result in card.dimensions.items()
                if result is not None and result.value is not None and (reason := _left_out(result)) is not None
            ]
        else:
            lines.append(f"no baseline of {card.case} {card.configuration}: {why}")
    for case, found in entries.items():
        target = path if len(entries) == 1 else path.with_name(f"{path.stem}-{case}{path.suffix}")
        count = "1 entry" if len(found) == 1 else f"{len(found)} entries"
        try:
            written = _write_new(target, dump_baselines(found))
            also = "" if written == target else f"; {target.name} was written by another session meanwhile"
            lines.append(f"baselines of {case}: {count} in {written}{also}")
        except OSError as error:
            lines.append(f"baselines of {case}: {count} not written: {target}: {error.strerror or error}")
    return lines


def _write_new(path: Path, text: str) -> Path:
    """Write a file that was not there, never over another session's figures; returns its path: path, else path-2 ...

    Raises OSError, and then leaves no file.
    """
    number, target = 1, path
    while True:
        try:
            file = target.open("x", encoding="utf-8")
            break
        except FileExistsError:
            number += 1
            target = path.with_name(f"{path.stem}-{number}{path.suffix}")
    try:
        with file:
            file.write(text)
    except OSError:
        discard(target)
        raise
    return target


def _left_out(result: DimensionResult) -> str | None:
    """Why a value is no figure to judge later runs by; None where it is one."""
    if result.verdict not in (*JUDGED, "unjudged"):
        return result.verdict
    if result.verdict == "fail" and result.limit is None:
        return "a run that it needs failed"
    if "unjudged" in result.detail:
        return str(result.detail["unjudged"])
    if result.detail.get("neighbours"):
        return "measured beside other runs (--sixdim-share)"
    scope = result.detail.get("scope") or "card"
    return None if scope == "card" else f"of a {scope}, not of a card"


def _entry(card: Scorecard, session: Mapping[str, Any]) -> Baseline:
    """What was measured of one configuration, of what may judge later runs."""
    figures = {}
    for dimension in DIMENSIONS:
        result = card.dimensions.get(dimension)
        if result is not None and result.value is not None and _left_out(result) is None:
            text = f"{result.value:.{DIGITS}g}"
            figures[dimension] = Figure(text, result.unit, float(text))
    key, speed = card.key, card.dimensions.get("speed")
    versions = card.machine.get("software", session["software"])
    software = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    directory = Path(session["directory"]).name
    return Baseline(
        vendor=key["vendor"],
        card=str(card.card),
        nodes=key["nodes"],
        cards=key["cards"],
        precision=key["precision"],
        batch_size=key["batch_size"],
        figures=figures,
        data=card.data,
        quick=card.quick,
        adapter=key["adapter"],
        power_cap=card.power_cap,
        speed_kind=speed.detail.get("kind", "train") if speed is not None and "speed" in figures else None,
        generator=card.generator,
        origin="recorded",
        source=f"pytest-sixdim {session['plugin']}, session {directory}",
        date=f"{directory[:4]}-{directory[4:6]}-{directory[6:8]}",
        software=software,
    )
