"""How xdist's controller gives out case files, and what becomes of the test whose worker died.

xdist's own `loadfile` reports that test as crashed and gives it to the next worker as well, which reports it a second
time or dies of it too. Here every test gets one answer. A case's test is answered by the worker that takes the file
over: it finds in the store what is there and what was lost. Any other test, and a case's that costs a second worker,
is reported as crashed and not given out again.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling, LoadScopeScheduling

from pytest_sixdim.core.case import SUFFIX


class Answers:
    """Which tests have begun and which have been answered, as the controller hears of them."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._answered: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins in some worker."""
        self._begun.add(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A case's test is answered when its verdict is there, any other when it was torn down too."""
        decided = report.when == "call" or (report.when == "setup" and not report.passed)
        if report.when == "teardown" or (decided and _of_case(report.nodeid)):
            self._answered.add(report.nodeid)

    def begun(self, nodeid: str) -> bool:
        """Whether a test began."""
        return nodeid in self._begun

    def answered(self, nodeid: str) -> bool:
        """Whether a test needs no further answer."""
        return nodeid in self._answered


class _EachOnce:
    """Of a worker that died: gives its unanswered tests to others. Mixed into a scheduler of xdist."""

    assigned_work: dict[Any, dict[str, dict[str, bool]]]
    workqueue: dict[str, dict[str, bool]]
    registered_collections: dict[Any, list[str]]
    collection: list[str] | None

    def __init__(self, config: pytest.Config, log: Any, answers: Answers) -> None:
        super().__init__(config, log)  # type: ignore[call-arg]
        self._answers = answers
        self._taken_over: set[str] = set()

    def remove_node(self, node: Any) -> str | None:
        """Returns the test that xdist is to report as crashed.

        Raises KeyError, as xdist expects, for a worker that had not begun to collect.
        """
        work = self.assigned_work.get(node, {})
        crashed = self._crashed(work)
        for scope in [scope for scope, unit in work.items() if all(unit.values())]:
            del work[scope]  # xdist would give it out again, and nothing else to the worker that gets it
        if self.collection is None:
            self.registered_collections.pop(node, None)  # else nobody waits for the worker that takes its place
        super().remove_node(node)  # type: ignore[misc]
        return crashed

    def _reschedule(self, node: Any) -> None:
        """Give a worker more files: none before it has collected them, and as many as it takes to begin, since it
        wants to know the test after the first."""
        if node not in self.registered_collections:
            return
        super()._reschedule(node)  # type: ignore[misc]
        while self.workqueue and not node.shutting_down and _open(self.assigned_work[node]) < 2:
            super()._reschedule(node)  # type: ignore[misc]

    def unanswered(self) -> list[str]:
        """Tests that nobody is left to run."""
        units = [*self.workqueue.values(), *(unit for work in self.assigned_work.values() for unit in work.values())]
        return [test for unit in units for test, done in unit.items() if not done and not self._answers.answered(test)]

    def _crashed(self, work: dict[str, dict[str, bool]]) -> str | None:
        for unit in work.values():
            for test in [test for test, done in unit.items() if not done]:
                if self._answers.answered(test):
                    unit[test] = True  # the worker died before it could say that it was through
                    continue
                if not self._answers.begun(test):
                    return None
                if _of_case(test) and test not in self._taken_over:
                    self._taken_over.add(test)
                    return None
                unit[test] = True
                return test
        return None


class WholeFiles(_EachOnce, LoadFileScheduling):  # type: ignore[misc]
    """A file to a worker."""


class WholeScopes(_EachOnce, LoadScopeScheduling):  # type: ignore[misc]
    """A file, or a class in it, to a worker."""


def _open(work: dict[str, dict[str, bool]]) -> int:
    return sum(not done for unit in work.values() for done in unit.values())


def _of_case(nodeid: str) -> bool:
    return nodeid.partition("::")[0].endswith(SUFFIX)
