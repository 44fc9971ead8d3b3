"""From verdicts to what a test does: pass, fail or skip, with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sixdim.agent.recorder import complaint
from pytest_sixdim.campaign.checkouts import lacking_checkout
from pytest_sixdim.campaign.datasets import lacking_data
from pytest_sixdim.campaign.plan import Wanted
from pytest_sixdim.core.case import Case
from pytest_sixdim.core.dimensions import Dimension
from pytest_sixdim.core.results import DimensionResult, Measurements, nature
from pytest_sixdim.core.visible import inert, visible

if TYPE_CHECKING:
    from pytest_sixdim.plugin.session import Session

#: What a test settled, as plain types: one record a dimension (docs/formats.md).
OUTCOMES = pytest.StashKey[list[dict[str, Any]]]()
#: Verdicts that --sixdim-strict turns into failures.
NOT_STRICT = ("unjudged", "unknown", "suspect")


class ItemScorecard(Mapping[str, DimensionResult]):
    """The verdicts that one test asks for, each worked out when it is looked at."""

    def __init__(self, session: Session, item: pytest.Item, wanted: Wanted) -> None:
        self._session = session
        self._item = item
        self._wanted = wanted
        self._results: dict[str, DimensionResult] = {}
        self._unkept: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._wanted.dimensions)

    def __iter__(self) -> Iterator[str]:
        return iter(self._wanted.dimensions)

    def __getitem__(self, dimension: str) -> DimensionResult:
        """Measure, judge and store one dimension."""
        if dimension not in self._wanted.dimensions:
            raise KeyError(f"{dimension!r}: this test asks for {', '.join(self._wanted.dimensions)}")
        if dimension not in self._results:
            self._results[dimension] = self._judge(dimension)
        return self._results[dimension]

    def settle(self, dimension: str) -> None:
        """End the test as the verdict of `dimension` says: pass silently, fail, or skip with the reason."""
        result = self[dimension]
        self._item.stash.setdefault(OUTCOMES, []).append(_outcome(result))
        if dimension in self._unkept:
            said = f": {result.reason}" if result.reason else ""
            message = f"{dimension} {result.verdict}{said}; the verdict could not be kept: {self._unkept[dimension]}"
            pytest.fail(message + self._log(result), pytrace=False)
        if result.verdict == "pass":
            return
        if result.verdict == "fail":
            pytest.fail(result.reason + self._log(result), pytrace=False)
        if result.verdict in NOT_STRICT and self._session.settings.strict and "disputed" not in result.detail:
            pytest.fail(f"{dimension} {result.verdict}, and --sixdim-strict is given: {result.reason}", pytrace=False)
        pytest.skip(result.reason)

    def _judge(self, dimension: Dimension) -> DimensionResult:
        campaign = self._session.campaign
        assert campaign is not None
        case, configuration = self._wanted.case, self._wanted.configuration
        need_inputs(self._session, case)
        measurements = campaign.measure(case, configuration, (dimension,))
        result = self._scored(dimension, measurements)
        if campaign.is_near(case, configuration, result):
            measurements = campaign.confirm(case, configuration, dimension, measurements)
            result = self._scored(dimension, measurements)
        try:
            scorecard = campaign.keep(case, configuration, measurements, result)
        except OSError as error:
            self._unkept[dimension] = complaint(error)
            return result
        self._item.ihook.pytest_sixdim_scorecard(scorecard=scorecard)
        return result

    def _scored(self, dimension: Dimension, measurements: Measurements) -> DimensionResult:
        """What the hook makes of the measurements."""
        campaign = self._session.campaign
        assert campaign is not None
        case, configuration = self._wanted.case, self._wanted.configuration
        result: DimensionResult = self._item.ihook.pytest_sixdim_score(
            dimension=dimension,
            case=case,
            configuration=configuration,
            measurements=measurements,
            baseline=campaign.baseline(case, configuration, measurements, dimension),
        )
        return result

    def _log(self, result: DimensionResult) -> str:
        """The log of a run that failed the test: its tail in the first test that it fails, a pointer in the others."""
        campaign = self._session.campaign
        assert campaign is not None
        run = campaign.failed_run(
            self._wanted.case,
            self._wanted.configuration,
            result.dimension,
            confirmed="confirmation" in result.detail,
        )
        if run is None or not (run.directory / "node-0").exists():
            return ""  # a run that was not launched has no logs
        first = self._session.first_failures.setdefault(str(run.directory), self._item.nodeid)
        if first != self._item.nodeid:
            return f"\nlog tail: see {first}"
        where = f"{run.directory.name} ({run.directory / 'node-0' / 'logs'})"
        if run.result.log_tail:
            tail = "".join(f"{visible(line)}\n" for line in run.result.log_tail)
            self._item.add_report_section("call", f"log tail of {where}", tail)
        return f"\nlogs: {run.directory / 'node-0' / 'logs'}"


def need_inputs(session: Session, case: Case) -> None:
    """Fails the test, before anything is launched, where the directory that is given lacks the case's data set, and
    where somebody else's programs are not where the case says."""
    lacking = lacking_data(case, session.settings) or lacking_checkout(case)
    if lacking is not None:
        pytest.fail(lacking, pytrace=False)


def _outcome(result: DimensionResult) -> dict[str, Any]:
    """What reports carry of a verdict: plain built-in types, which alone cross between processes."""
    record = {
        "dimension": str(result.dimension),
        "verdict": str(result.verdict),
        "value": None if result.value is None else float(result.value),
        "unit": str(result.unit),
        "nature": nature(result.detail) if result.dimension == "speed" else "",
        "reason": str(result.reason),
        "limit": str(result.limit["text"]) if result.limit else None,
        "baseline": _baseline(result),
        "score": None if result.score is None else float(result.score),
        "flags": [str(flag) for flag in result.flags],
    }
    return dict(inert(record))


def _baseline(result: DimensionResult) -> str | None:
    if result.baseline is None:
        return None
    return f"{result.baseline['text']} {result.baseline['unit']} ({result.baseline['source']})"
