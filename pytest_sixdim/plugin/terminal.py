"""What a person sees in the terminal: the header, the plan, each run as it goes. closing.py has the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from pytest_sixdim.campaign.calibration import headline
from pytest_sixdim.campaign.earlier import Earlier
from pytest_sixdim.core.quantities import count_of
from pytest_sixdim.core.visible import visible, visible_lines
from pytest_sixdim.plugin import options, xdist
from pytest_sixdim.plugin.live import Word, plan_lines
from pytest_sixdim.plugin.session import Session
from pytest_sixdim.report.plan import plan_record, plan_table


class TerminalHooks:
    """Registered where there is a terminal: not in xdist's workers."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self._config = config
        self._session = session
        self._launched = 0

    def pytest_report_header(self) -> list[str]:
        """Vendor and how it was found, cards, results folder."""
        host, store, bench = self._session.host, self._session.store, self._session.bench
        names = " and ".join(sorted({device.name for device in host.devices})) or "none"
        lines = [f"sixdim: vendor {host.vendor} ({host.found}), {len(host.devices)} cards: {names}"]
        if host.mixed:
            lines.append(f"sixdim: the cards differ ({host.mixed}); a figure of several of them is no card's")
        if store is not None:
            lines.append(f"sixdim: results in {store.directory}")
        if (resumed := self._session.settings.resume) is not None:
            finished = count_of(len(Earlier(resumed).finished()), "finished run")
            lines.append(f"sixdim: resumes {resumed.name} ({finished})")
        if store is not None:
            lines += xdist.turns(self._config, self._session.settings)
            if (counters := headline(bench.calibration, bench.profile, host.devices)) is not None:
                lines.append(f"sixdim: {counters}")
        return [visible(line) for line in lines]

    def pytest_report_collectionfinish(self, items: Sequence[pytest.Item]) -> list[str]:
        """What will be launched, and what was left out and why."""
        form = options.plan_format(self._config)
        if form == "json":
            return []
        return [visible(line) for line in plan_lines(self._session, items, summary=form is None)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> bool | None:
        """Under --sixdim-plan print the plan of all files that can be read, and launch nothing."""
        wanted = options.plan_format(self._config)
        if wanted is None:
            return None
        plan, bench, resumed = self._session.plan, self._session.bench, self._session.settings.resume
        finished = None if resumed is None else Earlier(resumed).finished()
        if wanted == "json":
            text = json.dumps(plan_record(plan, bench, finished), indent=1)
        else:
            text = plan_table(plan, bench, finished)
        print(visible_lines(text))
        return True

    def show(self, word: Word, worker: str | None = None) -> None:
        """A word of this process, or of a worker. Launches are numbered over the whole session."""
        if word.left_out is not None:
            if word.text:
                self._write(word.text)
            return
        number = ""
        if word.planned is not None:
            self._launched += 1
            number = f"run {self._launched}/{word.planned}: "
        who = "  " if worker is None else f"[{worker}] "
        self._write(f"{who}{number}{word.text}", red=word.red)

    def _write(self, text: str, **markup: bool) -> None:
        """Now, on lines of its own, also while a test is running and its output is captured."""
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        capture: Any = self._config.pluginmanager.get_plugin("capturemanager")
        if reporter is None or reporter.verbosity < 0:
            return
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            if self._config.get_terminal_writer().width_of_current_line:
                reporter.write_line("")  # dots of tests in workers, which pytest knows of no file
            reporter.write_line(visible_lines(text), **markup)
            reporter.flush()
