"""The further runs of a configuration whose figure stands near its limit (core/confirming.py)."""

from __future__ import annotations

from pytest_sixdim.campaign.plan import PlannedRun, RunKey
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.confirming import MORE
from pytest_sixdim.core.dimensions import Dimension


def confirming_runs(case: Case, configuration: Configuration) -> list[PlannedRun]:
    """window-2 and window-3, with seeds of their own, beside the first run, full or not, that gave the figure.

    They are the same ones for every dimension of the configuration, and for linearities that divide by its speed.
    """
    keys = [RunKey(case.name, configuration.id, "window", 2 + index) for index in range(MORE)]
    return [PlannedRun(key, case, configuration) for key in keys]


def sides(configuration: Configuration, dimension: Dimension) -> list[Configuration]:
    """The configurations whose windows a dimension is measured from: its own, and the one that linearity divides by."""
    reference = configuration.reference if dimension == "linearity" else None
    return [configuration, *([reference] if reference else [])]
