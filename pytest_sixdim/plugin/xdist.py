"""pytest-xdist: whole case files per worker, and one set of session facts for all of them (design section 9)."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any

import pytest

from pytest_sixdim.campaign.settings import Settings
from pytest_sixdim.plugin.options import plan_format

#: What a worker may be given without splitting a case file.
WHOLE_FILES = ("loadfile", "loadscope")
KEY = "sixdim"
NOBODY_LEFT = "worker died: and no worker is left to run this test (pytest-xdist's --max-worker-restart)"


def choose_distribution(config: pytest.Config) -> None:
    """Distribute whole files where xdist is in use.

    Raises pytest.UsageError where another distribution is asked for: the tests of a case share their runs.
    """
    option = config.option
    if is_worker(config) or not hasattr(option, "dist"):
        return
    if plan_format(config) is not None:
        option.numprocesses, option.dist, option.distload = 0, "no", False
        return
    asked = "load" if getattr(option, "distload", False) else option.dist
    if asked == "no":
        if option.numprocesses or option.tx:
            option.dist = "loadfile"
    elif asked not in WHOLE_FILES:
        raise pytest.UsageError(
            f"--dist {asked}: --sixdim gives whole case files to a worker; allowed: {', '.join(WHOLE_FILES)}"
        )


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of xdist's workers."""
    return hasattr(config, "workerinput")


def worker_name(config: pytest.Config) -> str | None:
    """What xdist calls this worker ("gw0"); None in the controller and without xdist."""
    return str(getattr(config, "workerinput")["workerid"]) if is_worker(config) else None  # noqa: B009 - as below


def received(config: pytest.Config) -> dict[str, Any] | None:
    """What the controller sent to this worker; None in the controller and without xdist."""
    if not is_worker(config):
        return None
    return dict(json.loads(getattr(config, "workerinput")[KEY]))  # noqa: B009 - pytest-xdist adds the attribute


def workers(config: pytest.Config) -> int:
    """How many workers this session starts; 0 without pytest-xdist."""
    if getattr(config.option, "dist", "no") == "no":
        return 0
    counts = (spec.partition("*") for spec in config.option.tx)
    return sum(int(count) if star and count.isdigit() else 1 for count, star, _ in counts)


def turns(config: pytest.Config, settings: Settings) -> list[str]:
    """A line of the header where workers wait for each other."""
    count = workers(config)
    if count < 2 or settings.share:
        return []
    text = f"sixdim: {count} workers take turns: a measured run has the host to itself"
    return [f"{text}; --sixdim-share lets runs on other cards go on meanwhile"]


class ControllerHooks:
    """Registered where pytest-xdist is installed: sends the session's facts to its workers, and sees to it that each
    test is answered once."""

    def __init__(self, config: pytest.Config, facts: dict[str, Any]) -> None:
        self._config = config
        self._facts = json.dumps(facts)
        self._scheduler: Any = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the facts to a new worker."""
        node.workerinput[KEY] = self._facts

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Whole files, each test answered once; xdist's own scheduler where it no longer has what ours is made of."""
        try:
            from pytest_sixdim.plugin import scheduling
        except ImportError:
            return None
        answers = scheduling.Answers()
        config.pluginmanager.register(answers, "sixdim-answers")
        kind = scheduling.WholeScopes if config.option.dist == "loadscope" else scheduling.WholeFiles
        self._scheduler = kind(config, log, answers)
        return self._scheduler

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Fail the tests that no worker is left to run: xdist would keep silent about them."""
        result = yield
        for nodeid in self._scheduler.unanswered() if self._scheduler is not None else ():
            path = nodeid.partition("::")[0]
            for when, outcome, why in (("call", "failed", NOBODY_LEFT), ("teardown", "passed", None)):
                report = pytest.TestReport(nodeid, (path, None, nodeid), {}, outcome, why, when)  # type: ignore[arg-type]
                self._config.hook.pytest_runtest_logreport(report=report)
        return result
