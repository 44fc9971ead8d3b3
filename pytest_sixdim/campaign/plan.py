"""Which runs answer the selected tests: the least work (design section 4).

speed, power, memory need full-1 if it is planned anyway, else window-1; accuracy full-1; stability full-1 to full-n;
linearity the configuration's own speed and that of its reference (one card, or one node of as many cards), shared
with that configuration where it is selected too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.confirming import BESIDE
from pytest_sixdim.core.dimensions import WINDOW_DIMENSIONS, Dimension
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.records import Role


@dataclass(frozen=True)
class Wanted:
    """A selected test: the dimensions that it asks of a configuration. `test` is its node id."""

    case: Case
    configuration: Configuration
    dimensions: tuple[Dimension, ...]
    test: str


@dataclass(frozen=True, order=True)
class RunKey:
    """Names a run within a session."""

    case: str
    configuration: str
    role: Role
    index: int

    @property
    def name(self) -> str:
        """role-index, as its directory is called."""
        return f"{self.role}-{self.index}"

    def __str__(self) -> str:
        return f"{self.case}/{self.configuration}/{self.name}"


@dataclass
class PlannedRun:
    """A run and the node ids of the tests that need it."""

    key: RunKey
    case: Case
    configuration: Configuration
    tests: list[str] = field(default_factory=list)


class Plan:
    """The runs of a session, in the order in which the tests will ask for them."""

    def __init__(self, wanted: Iterable[Wanted], runs: int | None = None) -> None:
        """`runs`: full runs for stability, where the session and not the case decides."""
        self._wanted = list(wanted)
        self._full_runs = runs
        self._full: set[tuple[Path, str]] = {
            (want.case.path, want.configuration.id)
            for want in self._wanted
            if {"accuracy", "stability"} & set(want.dimensions)
        }
        self._runs: dict[tuple[Path, RunKey], PlannedRun] = {}
        for want in self._wanted:
            for dimension in want.dimensions:
                for run in self.needed(want.case, want.configuration, dimension):
                    planned = self._runs.setdefault((want.case.path, run.key), run)
                    if planned.tests[-1:] != [want.test]:  # a test's dimensions follow each other
                        planned.tests.append(want.test)
        self._keys = {key for _, key in self._runs}

    def foresees(self, key: RunKey) -> bool:
        """Whether a run is one of the plan's."""
        return key in self._keys

    @property
    def runs(self) -> list[PlannedRun]:
        """Every run, once, in the order in which the tests ask for them."""
        return list(self._runs.values())

    @property
    def tests(self) -> list[str]:
        """Node ids of the tests that need at least one run."""
        return list(dict.fromkeys(test for run in self.runs for test in run.tests))

    @property
    def confirmable(self) -> bool:
        """Whether a test asks for a figure that is measured again near its limit; quick settings judge none of them."""
        return any(not want.case.is_quick and set(BESIDE) & set(want.dimensions) for want in self._wanted)

    def full_runs(self, case: Case) -> int:
        """How many full runs stability takes."""
        return self._full_runs or case.stability.runs

    def window_run(self, case: Case, configuration: Configuration) -> PlannedRun:
        """The run whose window gives the configuration's speed, power and memory."""
        role: Role = "full" if (case.path, configuration.id) in self._full else "window"
        return _run(case, configuration, role, 1)

    def needed(self, case: Case, configuration: Configuration, dimension: Dimension) -> list[PlannedRun]:
        """The runs that a dimension of a configuration needs, each with no tests noted."""
        if dimension in WINDOW_DIMENSIONS:
            return [self.window_run(case, configuration)]
        if dimension == "accuracy":
            return [_run(case, configuration, "full", 1)]
        if dimension == "stability":
            return [_run(case, configuration, "full", index + 1) for index in range(self.full_runs(case))]
        reference = configuration.reference
        if reference is None:
            return []
        return [self.window_run(case, configuration), self.window_run(case, reference)]

    def summary(self) -> str:
        """As in "6 runs answer 11 tests"."""
        runs = len(self.runs)
        return f"{count_of(runs, 'run')} {'answers' if runs == 1 else 'answer'} {count_of(len(self.tests), 'test')}"


def _run(case: Case, configuration: Configuration, role: Role, index: int) -> PlannedRun:
    return PlannedRun(RunKey(case.name, configuration.id, role, index), case, configuration)
