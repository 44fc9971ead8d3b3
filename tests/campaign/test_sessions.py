"""Which session a person means by --sixdim-resume."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_sixdim.campaign.sessions import session_folder
from pytest_sixdim.campaign.settings import SettingsError
from tests.campaign.earlier_sessions import session


def test_last_a_name_its_beginning_and_a_folder_name_a_session(tmp_path: Path) -> None:
    results = tmp_path / "results"
    first, second = session(results, "20261121T1-aaa"), session(results, "20261122T1-bbb")
    (results / "latest").symlink_to(first.name)
    assert session_folder("last", results, tmp_path) == first
    assert session_folder(second.name, results, tmp_path) == second
    assert session_folder("20261122", results, tmp_path) == second
    assert session_folder("results/20261121T1-aaa", tmp_path / "elsewhere", tmp_path) == first
    assert session_folder(str(second), tmp_path / "elsewhere", tmp_path) == second


@pytest.mark.parametrize("asked", ["last", "other", "x" * 300, "../..", "/dev/null"])
def test_a_session_that_is_not_there_is_a_mistake_that_names_those_that_are(tmp_path: Path, asked: str) -> None:
    with pytest.raises(SettingsError, match=r"--sixdim-resume .*: there is no session \(.*holds no session"):
        session_folder(asked, tmp_path, tmp_path)
    names = [session(tmp_path, f"2026112{day}T1-aaa").name for day in range(5)]
    with pytest.raises(SettingsError, match=f"the latest sessions in {tmp_path}: {', '.join(names[:1:-1])}, ..."):
        session_folder(asked, tmp_path, tmp_path)


def test_a_beginning_of_several_sessions_is_a_mistake(tmp_path: Path) -> None:
    session(tmp_path, "20261121T1-aaa")
    session(tmp_path, "20261121T2-aaa")
    with pytest.raises(SettingsError, match="2 sessions begin so: 20261121T2-aaa, 20261121T1-aaa"):
        session_folder("20261121", tmp_path, tmp_path)


def test_a_name_that_cannot_be_shown_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'a\\x00b': no session"):
        session_folder("a\0b", tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"schema": 2, "plugin": "9", "settings": {}}', "of schema 2; this version reads 1"),
        ('{"schema": 1, "name": "other"}', "not of pytest-sixdim"),
        ("[1]", "its session.json is broken"),
        ('{"schema": 1, "plu', "its session.json is broken"),
    ],
)
def test_a_folder_of_another_kind_is_refused(tmp_path: Path, text: str, why: str) -> None:
    session(tmp_path, "a").joinpath("session.json").write_text(text)
    with pytest.raises(SettingsError, match=f"--sixdim-resume a: {tmp_path}/a can't be resumed: .*{why}"):
        session_folder("a", tmp_path, tmp_path)
