"""How many workers -n auto starts: as many as this host's cards can keep busy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_sixdim.campaign.catalogue import case_files
from pytest_sixdim.campaign.plan import Plan, PlannedRun, Wanted
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.core.dimensions import DIMENSIONS
from pytest_sixdim.core.registry import RegistryError
from pytest_sixdim.plugin import options
from pytest_sixdim.plugin.selection import foreign
from pytest_sixdim.schema.errors import SchemaError

if TYPE_CHECKING:
    from pytest_sixdim.plugin.session import Session


def count_workers(config: pytest.Config) -> int | None:
    """The visible cards divided by those of the smallest run; at most one worker a case file, and at least one.

    It looks at the cases before they are collected, so that it knows nothing of -m and -k, nor of tests in Python.
    None where the options can't be honoured, which pytest is told of later.
    """
    from pytest_sixdim.plugin.session import look_session

    try:
        session = look_session(config)
    except (SettingsError, SchemaError, RegistryError):
        return None
    plans = [runs for path in sorted(set(_case_files(config))) if (runs := _runs(session, path))]
    if not plans:
        return 1
    smallest = min(run.configuration.cards for runs in plans for run in runs)
    return max(1, min(len(session.host.devices) // smallest, len(plans)))


def _runs(session: Session, path: Path) -> list[PlannedRun]:
    """The runs of a case that this session can have; none of a broken one, which its collection reports."""
    try:
        case = session.read_case(path)
    except SchemaError:
        return []
    chosen = [
        configuration
        for configuration in case.configurations
        if foreign(session.settings, case, configuration) is None and session.lacking(case, configuration) is None
    ]
    return Plan((Wanted(case, each, DIMENSIONS, each.id) for each in chosen), session.settings.runs).runs


def _case_files(config: pytest.Config) -> Iterator[Path]:
    """The case files below the paths that are given."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        paths = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    else:
        paths = options.default_paths(config)
    yield from case_files(paths, config.getini("norecursedirs"))
