"""pytest-xdist: whole case files per worker, and one set of session facts for all of them (design section 9)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_sixdim.plugin.options import plan_format

#: What a worker may be given without splitting a case file.
WHOLE_FILES = ("loadfile", "loadscope")
KEY = "sixdim"


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


def received(config: pytest.Config) -> dict[str, Any] | None:
    """What the controller sent to this worker; None in the controller and without xdist."""
    if not is_worker(config):
        return None
    return dict(json.loads(getattr(config, "workerinput")[KEY]))  # noqa: B009 - pytest-xdist adds the attribute


class ControllerHooks:
    """Registered where pytest-xdist is installed: sends the session's facts to its workers."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = json.dumps(facts)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the facts to a new worker."""
        node.workerinput[KEY] = self._facts
