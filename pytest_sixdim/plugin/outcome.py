"""Verdicts in pytest's reports: where they stand, and the words that the terminal shows for them."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from pytest_sixdim.core.baseline import Baseline
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.judging import judge
from pytest_sixdim.core.results import DimensionResult, Measurements
from pytest_sixdim.core.visible import visible_lines
from pytest_sixdim.plugin.collection import CaseItem
from pytest_sixdim.plugin.verdicts import OUTCOMES
from pytest_sixdim.report.values import quantity, verdict_word

_LETTERS = {"unjudged": "u", "unknown": "?", "suspect": "!", "not applicable": "-"}


@pytest.hookimpl(trylast=True)
def pytest_sixdim_score(
    dimension: Dimension,
    case: Case,
    configuration: Configuration,
    measurements: Measurements,
    baseline: Baseline | None,
) -> DimensionResult:
    """Judge as docs/method.md says, where no conftest does."""
    return judge(dimension, case, configuration, measurements, baseline)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the verdicts into the report, and a skip at the configuration's line."""
    report = yield
    outcomes = item.stash.get(OUTCOMES, None)
    if call.when == "call" and outcomes:
        report.sixdim = outcomes  # type: ignore[attr-defined]
    if isinstance(item, CaseItem) and report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (str(item.path), item.configuration.line, report.longrepr[2])
    if isinstance(item, CaseItem) or outcomes:
        _make_visible(report)
    return report


def _make_visible(report: pytest.TestReport) -> None:
    """Nothing that a program or a tool printed may act on a terminal, or stand in the XML."""
    if isinstance(report.longrepr, str):
        report.longrepr = visible_lines(report.longrepr)
    elif isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        report.longrepr = (path, line, visible_lines(reason))


def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> tuple[str, str, str | tuple[str, dict[str, bool]]] | None:
    """Name the verdict and the value, not four silent "s"."""
    outcomes = getattr(report, "sixdim", None)
    if not outcomes or report.when != "call" or hasattr(report, "wasxfail"):
        return None
    last = outcomes[-1]
    value = "" if last["value"] is None else " " + quantity(last["dimension"], last["value"], last["unit"])
    value += f" ({last['nature']})" if value and last.get("nature") else ""
    if report.passed:
        return "passed", ".", f"PASSED{value}"
    if report.failed:
        return "failed", "F", f"FAILED{value}"
    verdict = last["verdict"]
    return verdict, _LETTERS.get(verdict, "s"), (verdict_word(verdict) + value, {"yellow": True})
