"""How xdist's controller gives out case files, and what becomes of the test whose worker died.

xdist's own `loadfile` reports that test as crashed and gives it to the next worker as well, which reports it a second
time or dies of it too. Here every test gets one answer. A case's test is answered by the worker that takes the file
over: it finds in the store what is there and what was lost. Any other test, and a case's that costs a second worker,
is reported as crashed and not given out again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling, LoadScopeScheduling

from pytest_sixdim.plugin.collection import SUFFIX


class Answers:
    """Which tests have begun and which have been answered, as the controller hears of them."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._answered: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins in some worker."""
        self._begun.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A case's test is answered when it was called, any other when it was torn down too."""
        called = report.when == "call" and is_of_case(report.nodeid)
        if called or report.when == "teardown" or (report.when == "setup" and not report.passed):
            self._answered.add(report.nodeid)
