"""pytest's side. This module is loaded with every pytest run, so it imports nothing but pytest; all else waits for
--sixdim."""

from __future__ import annotations

import os

import pytest

from pytest_sixdim.plugin import options

FLAG_MISSING = "needs --sixdim: it measures accelerators"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and ini values."""
    options.add(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Make the pytest_sixdim_* hooks known."""
    from pytest_sixdim.plugin import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


class AutoWorkers:
    """Answers pytest-xdist's -n auto and -n logical."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_auto_num_workers(self, config: pytest.Config) -> int | None:
        """As many workers as cards can be kept busy; what PYTEST_XDIST_AUTO_NUM_WORKERS says counts more."""
        if not config.getoption("sixdim") or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
            return None
        from pytest_sixdim.plugin.workers import count_workers

        return count_workers(config)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    """Keep --sixdim-plan from swallowing the path that follows it; answer -n auto before pytest-xdist, which has been
    loaded by now, and after any conftest.py, which has not."""
    options.spell_out_plan(args)
    early_config.pluginmanager.register(AutoWorkers(), "sixdim-auto-workers")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the session plugin where --sixdim is given."""
    config.addinivalue_line(
        "markers",
        "sixdim_case(path, *, cards=1, nodes=1, vendor=None, precision=None, batch_size=None, dimensions=()): "
        "the case, configuration and dimensions that a test's sixdim_* fixtures measure",
    )
    if config.getoption("sixdim"):
        from pytest_sixdim.plugin.session import start_session

        start_session(config)


@pytest.hookimpl(wrapper=True)
def pytest_cmdline_main(config: pytest.Config):  # type: ignore[no-untyped-def]
    """Settle how xdist distributes before xdist reads it."""
    if config.getoption("sixdim"):
        from pytest_sixdim.plugin.xdist import choose_distribution

        choose_distribution(config)
        options.quieten_for_json(config)
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that measure where nothing is to be measured."""
    if not item.config.getoption("sixdim") and item.get_closest_marker("sixdim_case"):
        pytest.skip(FLAG_MISSING)
