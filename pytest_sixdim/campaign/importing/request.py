"""What is to be imported, checked: a case, one of its configurations, and the logs of its runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.flagperf import LoggedRun, logged_runs
from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.closest import closest
from pytest_sixdim.core.vendor import CardModel, VendorProfile


@dataclass(frozen=True)
class Request:
    """An import.

    Attributes:
        format: of the logs; `dialects`: registered name -> "package.module:Class".
        logs: one full run each, in order. `reference`: the run on one card (one node) that linearity divides by.
        card: that the runs were made on; None where nobody says.
        runs: full runs that stability takes; None: as the case says, or all logs where there are more.
        seeds: of the logs, in order, where they do not say them themselves.
        offset: of the monitors' clocks ahead of UTC, s; None: to be inferred.
    """

    case: Case
    configuration: Configuration
    profile: VendorProfile
    format: str
    dialects: Mapping[str, str]
    logs: tuple[LoggedRun, ...]
    results: Path
    reference: LoggedRun | None = None
    card: CardModel | None = None
    baselines: Sequence[Baseline] = ()
    runs: int | None = None
    seeds: tuple[int, ...] | None = None
    data: Literal["real", "generated"] = "real"
    offset: float | None = None

    def __post_init__(self) -> None:
        """Raises CannotImport where the parts do not fit."""
        if self.seeds is not None and len(self.seeds) != len(self.logs):
            raise CannotImport(f"--seeds: {len(self.seeds)} seeds for {len(self.logs)} runs; give one for each")
        if self.runs is not None and self.runs < len(self.logs):
            raise CannotImport(f"--runs {self.runs}: there are {len(self.logs)} logs, none of which may be left out")
        if self.reference is not None and self.configuration.reference is None:
            raise CannotImport(f"--single: {self.configuration.id} is itself of one card: it has no linearity")

    @property
    def planned(self) -> int:
        """Full runs that stability takes."""
        return self.runs or max(self.case.stability.runs, len(self.logs))


def chosen_configuration(case: Case, asked: str | None) -> Configuration:
    """The configuration of a case with this id; the only one where none is asked for. Raises CannotImport."""
    ids = [each.id for each in case.configurations]
    if asked is None:
        if len(ids) == 1:
            return case.configurations[0]
        raise CannotImport(f"{case.path.name} has {len(ids)} configurations; say which by --configuration: {_all(ids)}")
    if asked in ids:
        return case.configurations[ids.index(asked)]
    hint = closest(asked, ids)
    more = f"; did you mean {hint}?" if hint else ""
    raise CannotImport(f"--configuration {asked}: {case.path.name} has none of this id{more}; it has {_all(ids)}")


def chosen_card(profile: VendorProfile, asked: str | None) -> CardModel | None:
    """The card of a vendor with this id, or of this name. Raises CannotImport."""
    if asked is None:
        return None
    for card in profile.cards:
        if asked == card.id or asked in card.names:
            return card
    ids = ", ".join(card.id for card in profile.cards) or "none"
    raise CannotImport(f"--card {asked}: unknown; the profile of {profile.id} knows {ids}")


def runs_of(
    paths: Iterable[Path], configuration: Configuration, profile: VendorProfile, monitors: Sequence[Path] = ()
) -> tuple[LoggedRun, ...]:
    """One run a file, or those of a FlagPerf directory; `monitors`: of the files, in order. A card that is several
    devices may have as many ranks.

    Raises CannotImport, OSError for a name that no file can have or that may not be looked at.
    """
    ranks = {configuration.cards * devices for devices in (1, *(card.devices for card in profile.cards))}
    found: list[LoggedRun] = []
    directories = []
    for path in paths:
        if path.is_dir():
            directories.append(path)
            found += logged_runs(path, configuration.nodes, ranks)
        else:
            found.append(LoggedRun(path))
    if monitors and directories:
        raise CannotImport(f"--monitor: the directory {directories[0]} has its own monitors")
    if len(monitors) > len(found):
        raise CannotImport(f"--monitor: {len(monitors)} files for {len(found)} logs; give at most one for each")
    named = [LoggedRun(run.log, (monitor,)) for run, monitor in zip(found, monitors, strict=False)]
    return (*named, *found[len(named) :])


def _all(ids: Sequence[str]) -> str:
    return ", ".join(ids)
