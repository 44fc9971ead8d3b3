"""*.case.yaml files as test modules: six tests a configuration.

This is the one module that leans on how pytest builds modules and functions (`Module._getobj`, `Function.from_parent`
with `callobj`); tests/plugin/test_canary.py says when pytest changes it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sixdim.core.case import SUFFIX, Case, Configuration
from pytest_sixdim.core.dimensions import DIMENSIONS, Dimension
from pytest_sixdim.schema.errors import SchemaError

if TYPE_CHECKING:
    from pytest_sixdim.plugin.session import Session


class CaseItem(pytest.Function):
    """One dimension of one configuration."""

    case: Case
    configuration: Configuration
    dimension: Dimension

    def reportinfo(self) -> tuple[Path, int, str]:
        """The configuration's line in the case file."""
        return self.path, self.configuration.line - 1, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ARG002
        """A verdict as one text that names file and line; anything else as pytest shows it."""
        if isinstance(excinfo.value, pytest.fail.Exception) and not excinfo.value.pytrace:
            return f"{self.path}:{self.configuration.line}: {excinfo.value.msg}"
        return super().repr_failure(excinfo)


class CaseFile(pytest.Module):
    """A case file. It collects six tests for each configuration that the session's options leave."""

    case: Case
    sixdim: Session

    def _getobj(self) -> types.ModuleType:
        return types.ModuleType(self.path.name.removesuffix(SUFFIX), f"The case {self.path.name}.")

    def collect(self) -> Iterator[CaseItem]:
        """The tests; a broken file is a collection error that shows every problem, one a line."""
        session = self.sixdim
        try:
            self.case = session.read_case(self.path)
        except SchemaError as error:
            raise self.CollectError(str(error)) from None
        return self._items(session)

    def _items(self, session: Session) -> Iterator[CaseItem]:
        case = self.case
        common = [mark for mark, given in ((case.task_mark, case.task), ("quick", case.quick)) if given]
        fixtures: Any = None
        for configuration in case.configurations:
            marks = [*common, configuration.vendor, *_sizes(configuration)]
            for dimension in DIMENSIONS:
                # `fixtureinfo` is the same for all six tests: working it out once keeps large collections quick
                item: CaseItem = CaseItem.from_parent(
                    self,
                    name=f"test_{dimension}[{configuration.id}]",
                    callobj=TESTS[dimension],
                    fixtureinfo=fixtures,
                )
                fixtures = item._fixtureinfo
                item.case, item.configuration, item.dimension = case, configuration, dimension
                for mark in (*marks, dimension):
                    item.add_marker(session.mark(mark))
                yield item


def _sizes(configuration: Configuration) -> list[str]:
    sizes = ["multicard" if configuration.cards > 1 else "singlecard"]
    return [*sizes, "multinode"] if configuration.nodes > 1 else sizes


def _dimension_test(dimension: Dimension) -> Callable[..., None]:
    """The test function of a dimension: what it measures, its fixtures do; what it says, the verdict does."""

    def test(sixdim_scorecard: Any) -> None:
        sixdim_scorecard.settle(dimension)

    test.__name__ = test.__qualname__ = f"test_{dimension}"
    return test


TESTS: dict[Dimension, Callable[..., None]] = {dimension: _dimension_test(dimension) for dimension in DIMENSIONS}
