"""The end of a session: its report and baselines as files, then the table."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from _pytest.junitxml import LogXML, xml_key

from pytest_sixdim.agent.recorder import complaint, discard
from pytest_sixdim.campaign.recording import record_baselines
from pytest_sixdim.campaign.store import Store
from pytest_sixdim.core.scorecard import Scorecard
from pytest_sixdim.core.visible import visible, visible_lines
from pytest_sixdim.plugin.session import Session
from pytest_sixdim.report.brief import brief
from pytest_sixdim.report.pages import write_pages
from pytest_sixdim.report.unreadable import unreadable

JUNIT = "_pytest.junitxml"


class ClosingHooks:
    """Registered where there is a terminal: not in xdist's workers."""

    def __init__(self, config: pytest.Config, session: Session) -> None:
        self._config = config
        self._session = session
        self._cards: list[dict[str, Any]] = []
        self._lines: list[str] = []
        self._problems: list[str] = []
        self._notes: list[str] = []

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Write the files before anything is printed, for the terminal may be gone, and after xdist's workers are."""
        try:
            yield
        except OSError as error:
            xml = self._config.stash.get(xml_key, None)
            if xml is None or not _raised_in(JUNIT, error.__traceback__):
                raise
            self._problems.append(_without_junit(xml, error))
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        finally:
            if self._session.store is not None:
                self._close(self._session.store)
                if session.exitstatus == pytest.ExitCode.INTERRUPTED:
                    name = self._session.store.directory.name
                    self._notes.append(f"interrupted: the same command with --sixdim-resume {name} goes on from here")

    def _close(self, store: Store) -> None:
        cards, broken = store.scorecards()
        self._cards, self._lines, unshown = _shown(cards)
        self._problems += [
            *broken,
            *unshown,
            *(f"{path}: not on disk, only in the table here" for path in store.unwritten()),
        ]
        if not self._cards:
            return
        if (target := self._session.settings.save_baseline) is not None:
            self._notes += record_baselines(target, self._cards, store.session)
        try:
            pages = ", ".join(write_pages(store.directory, self._cards))
        except OSError as error:
            pages = f"no report: {complaint(error)}"
        self._notes.append(f"results: {store.directory} ({pages})")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The six-dimension table and what it does not say."""
        for line in self._problems:
            terminalreporter.write_line(f"sixdim: {visible(line)}", red=True)
        if self._session.store is None:
            return
        if not self._cards:
            for line in [*(f"nothing measured: {why}" for why in self._session.deselected), *self._notes]:
                terminalreporter.write_line(f"sixdim: {line}")
            return
        terminalreporter.section("six dimensions")
        for line in [*self._lines, *map(visible_lines, self._notes)]:
            terminalreporter.write_line(line)


def _shown(cards: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """The scorecards that can be shown, the lines that show them, and one for each that can't be: somebody may have
    edited it."""
    try:
        return list(cards), _lines(cards), []
    except Exception:
        whole, problems = [], []
        for index, card in enumerate(cards, 1):
            try:
                _lines([card])
                whole.append(card)
            except Exception as error:
                problems.append(unreadable(index, card, error))
        return whole, _lines(whole), problems


def _lines(cards: Sequence[dict[str, Any]]) -> list[str]:
    """Raises what a scorecard that is not whole makes it raise."""
    for card in cards:
        Scorecard.from_json(card)
    return brief(cards)


def _raised_in(module: str, trace: TracebackType | None) -> bool:
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == module:
            return True
        trace = trace.tb_next
    return False


def _without_junit(xml: LogXML, error: OSError) -> str:
    path = Path(xml.logfile)
    if path.is_file():
        discard(path)
    return f"no JUnit: {path}: {error.strerror or error}"
