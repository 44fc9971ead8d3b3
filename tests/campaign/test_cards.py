"""Who has the host: one measured run at a time, for as long as any of its holders lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_sixdim.campaign.cards import host_holder, host_lease, lock_directory
from pytest_sixdim.campaign.settings import SettingsError


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_the_directory_is_private(tmp_path: Path) -> None:
    assert lock_directory() == tmp_path / "sixdim"
    assert lock_directory().stat().st_mode & 0o777 == 0o700


def test_a_runtime_directory_of_another_login_is_left_for_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc/none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert lock_directory() == tmp_path / f"sixdim-{os.getuid()}"


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "sixdim").write_text("in the way")
    with pytest.raises(SettingsError, match="File exists; it holds the locks"):
        lock_directory()


def test_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sixdim").symlink_to("/")
    with pytest.raises(SettingsError, match="belongs to somebody else"):
        lock_directory()


def test_a_second_run_waits_and_is_told_for_whom() -> None:
    told: list[str] = []
    order: list[str] = []

    def second() -> None:
        with host_lease("second", told.append):
            order.append("second")

    with host_lease("tiny/one/full-1", told.append):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert told == [f"run tiny/one/full-1 of process {os.getpid()}"]


def test_the_host_stays_taken_while_a_child_holds_the_descriptor() -> None:
    told: list[str] = []
    with host_lease("first", told.append) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=(descriptor,)
        )
    assert child.stdin is not None
    threading.Timer(0.5, child.stdin.close).start()
    with host_lease("second", told.append):
        assert child.wait(10) == 0
    assert told == [f"run first of process {os.getpid()}"]


def test_a_look_at_who_has_the_host_takes_nothing() -> None:
    told: list[str] = []
    assert host_holder() is None
    with host_lease("tiny/one/full-1", told.append):
        assert host_holder() == f"run tiny/one/full-1 of process {os.getpid()}"
    assert host_holder() is None
    with host_lease("second", told.append):
        pass
    assert told == []
