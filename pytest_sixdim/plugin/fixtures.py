"""The fixtures: for the six tests of a case, and for a user's own Python tests marked sixdim_case."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_sixdim.campaign.plan import Wanted
from pytest_sixdim.core.case import Case, Configuration
from pytest_sixdim.core.records import Role, RunRecord
from pytest_sixdim.core.results import Measured
from pytest_sixdim.plugin.selection import BAD_MARK, MARK, TOO_FEW, WANTED
from pytest_sixdim.plugin.session import SESSION, Session
from pytest_sixdim.plugin.verdicts import ItemScorecard, need_inputs


class Runs:
    """The runs of a test's configuration."""

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self._session = session
        self._wanted = wanted

    def need(self, role: Role, count: int = 1) -> list[RunRecord]:
        """The first `count` runs of a role ("full" or "window"), launched where they have not been yet."""
        assert self._session.campaign is not None
        need_inputs(self._session, self._wanted.case)
        return self._session.campaign.need(self._wanted.case, self._wanted.configuration, role, count)


def _session(request: pytest.FixtureRequest) -> Session:
    return request.config.stash[SESSION]


@pytest.fixture
def sixdim_wanted(request: pytest.FixtureRequest) -> Wanted:
    """What this test asks to be measured; skips or fails where that can't be had."""
    item = request.node
    if (problem := item.stash.get(BAD_MARK, None)) is not None:
        pytest.fail(problem, pytrace=False)
    if (lacking := item.stash.get(TOO_FEW, None)) is not None:
        if _session(request).settings.strict:
            pytest.fail(lacking, pytrace=False)
        pytest.skip(lacking)
    wanted: Wanted | None = item.stash.get(WANTED, None)
    if wanted is None:
        pytest.fail(f"the sixdim_* fixtures need a @pytest.mark.{MARK}(...) on the test", pytrace=False)
    return wanted


@pytest.fixture
def sixdim_case(sixdim_wanted: Wanted) -> Case:
    """The case under test."""
    return sixdim_wanted.case


@pytest.fixture
def sixdim_configuration(sixdim_wanted: Wanted) -> Configuration:
    """The configuration under test."""
    return sixdim_wanted.configuration


@pytest.fixture
def sixdim_runs(request: pytest.FixtureRequest, sixdim_wanted: Wanted) -> Runs:
    """The runs of the configuration under test, launched when asked for: `sixdim_runs.need("full", 2)`."""
    return Runs(_session(request), sixdim_wanted)


@pytest.fixture
def sixdim_measurements(request: pytest.FixtureRequest, sixdim_wanted: Wanted) -> Mapping[str, Measured]:
    """What was measured, by dimension, of the dimensions that the test asks for; launches the runs that they need."""
    campaign = _session(request).campaign
    assert campaign is not None
    need_inputs(_session(request), sixdim_wanted.case)
    measurements = campaign.measure(sixdim_wanted.case, sixdim_wanted.configuration, sixdim_wanted.dimensions)
    return {dimension: measurements.dimensions[dimension] for dimension in sixdim_wanted.dimensions}


@pytest.fixture
def sixdim_scorecard(request: pytest.FixtureRequest, sixdim_wanted: Wanted) -> ItemScorecard:
    """The verdicts, by dimension, of the dimensions that the test asks for; launches the runs that they need.

    `sixdim_scorecard.settle("speed")` passes, fails or skips the test as the verdict says.
    """
    return ItemScorecard(_session(request), request.node, sixdim_wanted)
