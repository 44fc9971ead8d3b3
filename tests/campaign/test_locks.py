"""Locks of this host: where they are, how they are taken, and what their notes are worth."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pytest_sixdim.campaign import locks
from pytest_sixdim.campaign.locks import lock_directory, place, read_note, remove, take, write_note
from pytest_sixdim.campaign.settings import SettingsError


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_the_directory_is_private_even_where_it_was_not(tmp_path: Path) -> None:
    (tmp_path / "sixdim").mkdir(mode=0o777)
    assert lock_directory() == tmp_path / "sixdim"
    assert lock_directory().stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("runtime", [None, "", "/proc/none", "/run/user/0", "/run/user/0/below"])
def test_a_runtime_directory_that_is_not_there_or_does_not_last_is_left_for_the_temporary_one(
    runtime: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "TEMPORARY", tmp_path)
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    assert place(runtime) == tmp_path / f"sixdim-{os.getuid()}"


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "sixdim").write_text("in the way")
    with pytest.raises(SettingsError, match="File exists; it holds the locks"):
        lock_directory()


def test_somebody_elses_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sixdim").symlink_to("/")
    with pytest.raises(SettingsError, match="belongs to somebody else"):
        lock_directory()


def test_a_lock_is_held_once_or_shared(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first = take(path)
    assert first is not None
    assert take(path) is None
    assert take(path, shared=True) is None
    os.close(first)
    one, two = take(path, shared=True), take(path, shared=True)
    assert one is not None
    assert two is not None
    assert take(path) is None
    os.close(one)
    os.close(two)


def test_a_descriptor_is_closed_in_programs_that_this_process_starts(tmp_path: Path) -> None:
    descriptor = take(tmp_path / "a.lock")
    assert descriptor is not None
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_who_waits_for_a_lock_whose_file_is_removed_gets_the_one_that_others_see(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    first = take(path)
    assert first is not None
    got: list[int | None] = []
    thread = threading.Thread(target=lambda: got.append(take(path, wait=True)))
    thread.start()
    thread.join(0.2)
    path.unlink()
    os.close(first)
    thread.join(20)
    assert got[0] is not None
    assert take(path) is None
    os.close(got[0])


def test_a_lock_is_removed_only_where_nobody_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    remove(path)
    assert not path.exists()
    descriptor = take(path)
    assert descriptor is not None
    remove(path)
    assert path.exists()
    os.close(descriptor)
    remove(path)
    assert not path.exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match=r"a\.lock"):
        take(tmp_path / "a.lock")
    assert not (tmp_path / "elsewhere").exists()
    assert read_note(tmp_path / "a.lock") is None


def test_only_what_is_held_has_a_note(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert read_note(path) is None
    descriptor = take(path)
    assert descriptor is not None
    write_note(descriptor, {"pid": 1, "run": "long ago and far away"})
    write_note(descriptor, {"pid": 1})
    assert read_note(path) == {"pid": 1}
    os.close(descriptor)
    assert read_note(path) is None


def test_who_has_just_taken_a_lock_is_given_a_moment_to_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.lock"
    descriptor = take(path)
    assert descriptor is not None
    monkeypatch.setattr("pytest_sixdim.campaign.locks.time.sleep", lambda seconds: write_note(descriptor, {"pid": 1}))
    assert read_note(path) == {"pid": 1}
    os.close(descriptor)


@pytest.mark.parametrize("note", [b"", b"\xff\x00", b"[1]", b'"x"', b"nan", b"[" * 60000, b"{" + b" " * 10**6 + b"}"])
def test_a_note_of_nonsense_says_nothing(note: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    descriptor = take(path)
    assert descriptor is not None
    path.write_bytes(note)
    assert read_note(path) == {}
    os.close(descriptor)


def test_what_is_no_file_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "a.lock").mkdir()
    os.mkfifo(tmp_path / "b.lock")
    assert read_note(tmp_path / "a.lock") is None
    assert read_note(tmp_path / "b.lock") is None
