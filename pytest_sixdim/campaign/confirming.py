"""The further runs of a configuration whose figure stands near its limit (core/confirming.py)."""

from __future__ import annotations

from pytest_sixdim.campaign.plan import Plan, PlannedRun, RunKey
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.confirming import MORE
from pytest_sixdim.core.dimensions import Dimension


def confirming_runs(plan: Plan, case: Case, configuration: Configuration) -> list[PlannedRun]:
    """Two window runs beside the one that gave the figure: the first that it is not itself.

    They are the same ones for every dimension of the configuration, and for linearities that divide by its speed.
    """
    first = 2 if plan.window_run(case, configuration).key.role == "window" else 1
    keys = [RunKey(case.name, configuration.id, "window", first + index) for index in range(MORE)]
    return [PlannedRun(key, case, configuration) for key in keys]


def sides(configuration: Configuration, dimension: Dimension) -> list[Configuration]:
    """The configurations whose windows a dimension is measured from: its own, and the one that linearity divides by."""
    reference = configuration.reference if dimension == "linearity" else None
    return [configuration, *([reference] if reference else [])]
