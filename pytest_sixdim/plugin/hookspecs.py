"""The hooks that a conftest.py or a plugin may implement (design section 7; examples in docs/hooks.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from pytest_sixdim.campaign.runner import StartedRun
    from pytest_sixdim.core.baseline import Baseline
    from pytest_sixdim.core.case import Case, Configuration
    from pytest_sixdim.core.dimensions import Dimension
    from pytest_sixdim.core.records import RunRecord
    from pytest_sixdim.core.results import DimensionResult, Measurements


@pytest.hookspec(firstresult=True)
def pytest_sixdim_score(
    dimension: Dimension,
    case: Case,
    configuration: Configuration,
    measurements: Measurements,
    baseline: Baseline | None,
) -> DimensionResult | None:
    """Judge one dimension of one configuration.

    The first result that is not None counts; the plugin's own comes last and follows docs/method.md. It is called
    through the test's node, so an implementation in a folder's conftest.py rules the cases of that folder alone.
    """


def pytest_sixdim_scorecard(scorecard: dict[str, Any]) -> None:
    """Look at a scorecard each time that one of its dimensions has been judged, in the process that judged it.

    `scorecard` is what scorecard.json holds.
    """


def pytest_sixdim_run_started(run: StartedRun) -> None:
    """Look at a run before it is launched."""


def pytest_sixdim_run_finished(run: RunRecord) -> None:
    """Look at a run after it ended, well or not."""


def pytest_sixdim_samplers() -> dict[str, str]:  # type: ignore[empty-body]
    """Further samplers: {"name": "package.module:Class"}. They are imported by the agent, not by pytest."""


def pytest_sixdim_dialects() -> dict[str, str]:  # type: ignore[empty-body]
    """Further log dialects: {"name": "package.module:Class"}. They are imported by the agent, not by pytest."""


def pytest_sixdim_vendors() -> list[Path]:  # type: ignore[empty-body]
    """Further vendor profiles, or ones that replace those of the same id: paths of YAML files."""
