"""Many configurations: every one is somewhere, the pressing ones first, and nothing grows out of hand."""

from __future__ import annotations

import copy
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.report import brief as terminal
from pytest_sixdim.report import sections, webpage
from pytest_sixdim.report.brief import REMARKS, ROWS, brief, urgency
from pytest_sixdim.report.pages import write_pages

from .html_tree import tree, with_class
from .sessions import SessionFolder


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = SessionFolder(tmp_path_factory.mktemp("results"))
    return folder.scorecard([folder.run(1)], planned=1)


def many(card: dict[str, Any], count: int, failing: int) -> list[dict[str, Any]]:
    """The scorecard so often; the last `failing` of them failed."""
    cards = []
    for number in range(count):
        made = copy.deepcopy(card) | {"case": f"case-{number}", "runs": []}
        if number >= count - failing:
            made["dimensions"]["speed"] |= {"verdict": "fail", "reason": f"slow-{number}"}
            made["status"] = "fail"
        cards.append(made)
    return cards


def test_a_session_that_can_be_read_is_printed_whole_and_as_it_comes(card: dict[str, Any]) -> None:
    cards = many(card, 20, 3)
    text = "\n".join(brief(cards))
    assert text.count(card["title"]) == 20
    assert text.count("FAILED case-") == 3
    assert " more" not in text


def test_of_a_large_session_the_terminal_shows_the_most_pressing(card: dict[str, Any]) -> None:
    cards = many(card, 1000, 60)
    lines = "\n".join(brief(cards)).splitlines()
    assert len(lines) < 4 * ROWS + REMARKS + 20
    text = "\n".join(lines)
    assert text.count(card["title"]) == ROWS
    assert text.count("\nFAILED case-") == 60
    (left_out,) = [line for line in lines if "configurations more" in line]
    assert left_out == f"... {1000 - ROWS} configurations more, less pressing: report.md in the results has all of them"
    assert lines[-1].startswith("judged 6000 of 6000 asked") or lines[-1].startswith("judged")
    assert "60 fail" in lines[-1]


def test_what_failed_comes_before_what_is_not_known_and_that_before_what_passed(card: dict[str, Any]) -> None:
    def of(verdict: str) -> dict[str, Any]:
        made = copy.deepcopy(card)
        for result in made["dimensions"].values():
            result["verdict"] = "pass"
        made["dimensions"]["power"]["verdict"] = verdict
        return made

    order = [urgency(of(verdict)) for verdict in ("fail", "suspect", "unknown", "unjudged", "pass")]
    assert order == sorted(set(order))
    assert urgency({}) == urgency(None) == urgency({"dimensions": {"speed": 5}}) == 0


def test_the_pages_of_a_large_session_hold_every_configuration_once(
    tmp_path: Path, card: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webpage, "ROWS", 20)
    monkeypatch.setattr(webpage, "DETAILS", 5)
    monkeypatch.setattr(webpage, "PRESSING", 4)
    folder = SessionFolder(tmp_path)
    assert write_pages(folder.directory, many(card, 50, 7)) == ["report.html (3 pages)", "report.md"]
    names = ["report.html", "report-2.html", "report-3.html"]
    texts = [(folder.directory / name).read_text(encoding="utf-8") for name in names]
    pages = [tree(text) for text in texts]
    rows = [[link.get("href") for link in with_class(page, "six")[0].iter("a")] for page in pages]
    assert [len(each) for each in rows] == [20, 20, 10]
    details = [each for each in rows[0] if each.startswith("#")]
    assert details == [f"#s{number}" for number in range(44, 49)], "the first of those that failed"
    assert len(with_class(pages[0], "scorecard")) == 5
    linked = sorted(re.search(r"case-(\d+)/", link)[1] for page in rows for link in page if not link.startswith("#"))  # type: ignore[index]
    assert linked == sorted(str(number) for number in range(50) if number not in range(43, 48))
    for page in pages:
        assert {link.get("href") for link in with_class(page, "pages")[0].iter("a")} < {f"./{name}" for name in names}
    assert [len(list(with_class(page, "attention"))) for page in pages] == [1, 0, 0]
    assert "and 3 more" in texts[0]
    markdown = (folder.directory / "report.md").read_text(encoding="utf-8")
    assert markdown.count("| " + card["title"]) == 50
    assert all(f"slow-{number}" in markdown for number in range(43, 50))


def test_a_shorter_report_leaves_no_page_of_a_longer_one(
    tmp_path: Path, card: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webpage, "ROWS", 2)
    folder = SessionFolder(tmp_path)
    write_pages(folder.directory, many(card, 6, 0))
    assert (folder.directory / "report-3.html").exists()
    assert write_pages(folder.directory, many(card, 2, 0)) == ["report.html", "report.md"]
    assert sorted(path.name for path in folder.directory.glob("report*.html")) == ["report.html"]


def test_the_files_of_runs_are_read_for_the_configurations_only_that_are_shown_in_full(
    tmp_path: Path, card: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    monkeypatch.setattr(webpage, "DETAILS", 3)
    monkeypatch.setattr(sections, "read_evidence", lambda _, shown: read.append(shown.case) or [])
    folder = SessionFolder(tmp_path)
    write_pages(folder.directory, many(card, 40, 4))
    assert read == ["case-36", "case-37", "case-38"]


def test_the_terminals_memory_grows_no_faster_than_the_session(card: dict[str, Any]) -> None:
    peaks = []
    for count in (300, 1200):
        cards = many(card, count, count // 7)
        tracemalloc.start()
        terminal.brief(cards)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 5 * peaks[0]
