"""The report is written whatever is missing, and costs nothing before it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.report.facts import facts, started
from pytest_sixdim.report.pages import write_pages

from .html_tree import text_of, tree
from .sessions import NAME, SessionFolder


def test_both_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    folder = SessionFolder(tmp_path)
    card = folder.scorecard([folder.run(1)], planned=5)
    before = {path.name for path in folder.directory.iterdir()}
    assert write_pages(folder.directory, [card]) == ["report.html", "report.md"]
    assert {path.name for path in folder.directory.iterdir()} - before == {"report.html", "report.md"}
    for name in ("report.html", "report.md"):
        assert f"{card['dimensions']['speed']['value']:.0f}" in (folder.directory / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "session", [None, "{", "[]", "[" * 100_000, '{"host": 3, "machine": [], "settings": {"seeds": 7}}']
)
def test_a_broken_session_record_is_said_and_the_rest_is_written(tmp_path: Path, session: str | None) -> None:
    folder = SessionFolder(tmp_path)
    card = folder.scorecard([folder.run(1)], planned=5)
    path = folder.directory / "session.json"
    path.unlink() if session is None else path.write_text(session)
    write_pages(folder.directory, [card])
    text = text_of(tree((folder.directory / "report.html").read_text(encoding="utf-8")))
    assert "ResNet-50 v1.5" in text
    assert ("Not complete. session.json" in text) == (session is None or not session.startswith("{") or session == "{")
    assert "ResNet-50 v1.5" in (folder.directory / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("cards", [[], [{}], [None], [[1]], ["x", {"schema": 1, "dimensions": {"speed": 5}}]])
def test_no_scorecard_is_too_broken_for_a_report(tmp_path: Path, cards: list[Any]) -> None:
    folder = SessionFolder(tmp_path)
    write_pages(folder.directory, cards)
    text = text_of(tree((folder.directory / "report.html").read_text(encoding="utf-8")))
    assert text.count("can't be shown: ") == len(cards)
    assert (folder.directory / "report.md").read_text(encoding="utf-8").count("can't be shown: ") == len(cards)


def test_a_folder_that_cannot_be_written_to_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):
        write_pages(tmp_path / "gone", [])


def test_the_template_engine_is_not_imported_before_it_is_needed() -> None:
    script = (
        "import sys, pytest_sixdim.plugin.terminal; sys.exit('jinja2' in sys.modules or 'markupsafe' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_the_start_is_read_from_the_folders_name() -> None:
    when = started(Path("results") / NAME)
    assert when is not None
    assert when.isoformat() == "2026-03-01T10:15:00+00:00"
    assert started(Path("results/mine")) is None


def test_facts_that_are_not_there_are_dashes() -> None:
    found = {name: text for pairs in facts(Path("mine"), {}).values() for name, text in pairs}
    missing = ("started", "git commit", "cards", "memory", "kernel", "versions", "strict", "interpreter")
    assert {found[name] for name in missing} == {"–"}


def test_facts_say_whether_the_host_was_shared_and_what_was_gone_on_with() -> None:
    session = {"resumed": f"/elsewhere/{NAME}", "settings": {"share": True}}
    found = {name: text for pairs in facts(Path("mine"), session).values() for name, text in pairs}
    assert (found["shares the host"], found["goes on with"]) == ("yes", NAME)


def test_cards_of_several_kinds_are_counted_apart() -> None:
    devices = [{"name": "A", "total_bytes": 2**36}, {"name": "A", "total_bytes": 2**36}, {"name": "B"}, 5]
    found = dict(facts(Path("mine"), {"host": {"devices": devices}})["Cards"])
    assert found["cards"] == "2 × A, 64 GiB; 1 × B"
