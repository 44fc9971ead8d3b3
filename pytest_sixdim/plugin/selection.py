"""Which of the collected tests this session can run, and what a test asks to be measured."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sixdim.campaign.plan import Wanted
from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.closest import unknown_name
from pytest_sixdim.core.dimensions import DIMENSIONS, Dimension
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.plugin.collection import CaseItem
from pytest_sixdim.schema.errors import SchemaError

if TYPE_CHECKING:
    from pytest_sixdim.plugin.session import Session

MARK = "sixdim_case"
WANTED = pytest.StashKey[Wanted]()
#: Why a test that asks for something measured cannot be served: skipped, a failure under --sixdim-strict.
TOO_FEW = pytest.StashKey[str]()
#: Why a test's mark makes no sense: a failure.
BAD_MARK = pytest.StashKey[str]()


class MarkError(ValueError):
    """A sixdim_case mark that can't be honoured."""


class NotHere(Exception):
    """The configuration that a mark asks for belongs to another vendor's cards."""


def select(session: Session, config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Leave the tests that this host and the session's options allow; return why others were deselected."""
    named = _named(config)
    kept: list[pytest.Item] = []
    dropped: dict[str, list[pytest.Item]] = {}
    for item in items:
        why = foreign(session.settings, item.case, item.configuration) if isinstance(item, CaseItem) else None
        if why is None:
            kept.append(item)
        elif why.startswith("needs") and _is_named(item, named):
            item.add_marker(pytest.mark.skip(reason=why))
            kept.append(item)
        else:
            dropped.setdefault(why, []).append(item)
    if dropped:
        config.hook.pytest_deselected(items=[item for group in dropped.values() for item in group])
        items[:] = kept
    return [f"{why} ({len(group)} tests)" for why, group in dropped.items()]


def ask(session: Session, items: Iterable[pytest.Item]) -> list[Wanted]:
    """What the selected tests ask to be measured; what can't be served is noted on the item."""
    wanted = []
    for item in items:
        try:
            want = _wanted(session, item)
        except (MarkError, SchemaError) as error:
            item.stash[BAD_MARK] = str(error)
            continue
        except NotHere as error:
            item.add_marker(pytest.mark.skip(reason=str(error)))
            continue
        if want is None or item.get_closest_marker("skip"):
            continue
        item.stash[WANTED] = want
        _leave_time(item)
        lacking = session.lacking(want.case, want.configuration)
        if lacking is None:
            wanted.append(want)
        else:
            item.stash[TOO_FEW] = lacking
    return wanted


def foreign(settings: Settings, case: Case, configuration: Configuration) -> str | None:
    """Why a configuration is not for this session, None where it is."""
    if settings.vendor != "all" and configuration.vendor != settings.vendor:
        return f"needs {configuration.vendor}, host has {settings.vendor}"
    if settings.cards is not None and configuration.cards not in settings.cards:
        return f"{count_of(configuration.cards, 'card')}, not asked for by --sixdim-cards"
    if settings.nodes is not None and configuration.nodes not in settings.nodes:
        return f"{count_of(configuration.nodes, 'node')}, not asked for by --sixdim-nodes"
    if settings.quick and not case.is_quick:
        return f"case {case.name} has no quick block"
    return None


def _leave_time(item: pytest.Item) -> None:
    """A case says how long its runs may take. pytest-timeout's ini value means ordinary tests: it is left out here.

    What stands on the command line, in PYTEST_TIMEOUT or on the test itself is meant, and holds.
    """
    config = item.config
    if not config.pluginmanager.hasplugin("timeout") or item.get_closest_marker("timeout"):
        return
    if config.getoption("timeout", None) is None and not os.environ.get("PYTEST_TIMEOUT"):
        item.add_marker(pytest.mark.timeout(0))


def _named(config: pytest.Config) -> set[tuple[str, str]]:
    """The node ids among the arguments: absolute path and name."""
    named = set()
    for argument in config.args:
        path, separator, name = str(argument).partition("::")
        if separator:
            named.add((str((config.invocation_params.dir / path).resolve()), name))
    return named


def _is_named(item: pytest.Item, named: set[tuple[str, str]]) -> bool:
    if not named:
        return False
    path = str(item.path.resolve())
    return not named.isdisjoint({(path, item.name), (path, item.name.partition("[")[0])})


def _wanted(session: Session, item: pytest.Item) -> Wanted | None:
    """What one test asks for, None where it asks for nothing.

    Raises MarkError, SchemaError or NotHere.
    """
    if isinstance(item, CaseItem):
        return Wanted(item.case, item.configuration, (item.dimension,), item.nodeid)
    mark = item.get_closest_marker(MARK)
    if mark is None:
        return None
    allowed = ("cards", "nodes", "vendor", "precision", "batch_size", "dimensions")
    for name in mark.kwargs:
        if name not in allowed:
            raise MarkError(f"sixdim_case mark: {unknown_name('argument', name, allowed)}")
    if len(mark.args) != 1:
        raise MarkError("sixdim_case mark: give the case's path, relative to the test file, as its one argument")
    dimensions = _dimensions(mark.kwargs.get("dimensions", DIMENSIONS))
    case = session.read_case((item.path.parent / str(mark.args[0])).resolve())
    return Wanted(case, _configuration(session, case, mark.kwargs), dimensions, item.nodeid)


def _dimensions(names: Any) -> tuple[Dimension, ...]:
    names = (names,) if isinstance(names, str) else tuple(names)
    for name in names:
        if name not in DIMENSIONS:
            raise MarkError(f"sixdim_case mark: {unknown_name('dimension', str(name), DIMENSIONS)}")
    return tuple(dimension for dimension in DIMENSIONS if dimension in names)


def _configuration(session: Session, case: Case, asked: Mapping[str, Any]) -> Configuration:
    """The case's configuration for this session's vendor, on as many cards as asked for (1 by default)."""
    for name in ("cards", "nodes", "batch_size"):
        if name in asked and (not isinstance(asked[name], int) or asked[name] < 1):
            raise MarkError(f"sixdim_case mark: {name}={asked[name]!r}; give a positive whole number")
    vendor = asked.get("vendor", session.settings.vendor)
    if vendor != session.settings.vendor:
        raise NotHere(f"needs {vendor}, host has {session.settings.vendor}")
    kinds: dict[tuple[str, int], Configuration] = {}
    for configuration in case.configurations:
        chosen = all(
            getattr(configuration, name) == asked[name] for name in ("precision", "batch_size") if name in asked
        )
        if configuration.vendor == vendor and chosen:
            kinds.setdefault((configuration.precision, configuration.batch_size), configuration)
    if not kinds:
        raise NotHere(f"case {case.name} has no configuration for {vendor} that the sixdim_case mark asks for")
    if len(kinds) > 1:
        choices = ", ".join(f"precision={precision!r}, batch_size={size}" for precision, size in kinds)
        raise MarkError(f"sixdim_case mark: case {case.name} has several configurations; choose one: {choices}")
    found = next(iter(kinds.values()))
    return replace(found, cards=asked.get("cards", 1), nodes=asked.get("nodes", 1))
