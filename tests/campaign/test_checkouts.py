"""In which state somebody else's repository is: what git says of it, and what counts where git says nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_sixdim.campaign import checkouts
from pytest_sixdim.campaign.checkouts import Checkout, changes, look_at


def git(directory: Path, *arguments: str) -> str:
    """As a user who has no settings of his own."""
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def made(directory: Path) -> Path:
    """A repository with a program, a module of it, and notes that are no code."""
    (directory / "model").mkdir(parents=True)
    for name in ("model/train.py", "model/layers.py", "notes.txt"):
        (directory / name).write_text(f"{name}\n")
    (directory / ".gitignore").write_text("ignored/\n")
    git(directory, "init", "-q", "-b", "main")
    committed(directory)
    return directory


def committed(directory: Path) -> None:
    git(directory, "add", "-A")
    git(directory, "commit", "-qm", "more")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return made(tmp_path / "repository")


def look(directory: Path) -> Checkout:
    return look_at(directory, directory / "model" / "train.py")


def test_a_clean_checkout_has_its_commit_and_no_changes(repository: Path) -> None:
    found = look(repository)
    assert (found.commit, found.changed) == (git(repository, "rev-parse", "HEAD"), ())
    assert found == look(repository)
    assert changes(found.to_json()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model/layers.py", b"changed\n"),
        ("model/layers.py", b"# caf\xe9\n"),  # no UTF-8
        ("notes.txt", b"changed\n"),
        ("model/new.py", b"new\n"),
    ],
)
def test_what_was_changed_or_added_is_named_and_counts(repository: Path, name: str, content: bytes) -> None:
    clean = look(repository)
    (repository / name).write_bytes(content)
    once = look(repository)
    (repository / name).write_bytes(content * 2)
    twice = look(repository)
    assert once.changed == twice.changed == (name,)
    assert len({clean.state, once.state, twice.state}) == 3
    (flag,) = changes(once.to_json())
    assert flag == f"the checkout differs from its commit {clean.commit and clean.commit[:9]} in 1 file ({name})"


def test_what_was_removed_or_renamed_counts(repository: Path) -> None:
    clean = look(repository)
    git(repository, "mv", "model/layers.py", "model/blocks.py")
    moved = look(repository)
    (repository / "model" / "blocks.py").unlink()
    assert moved.changed == ("model/blocks.py", "model/layers.py")
    assert len({clean.state, moved.state, look(repository).state}) == 3


def test_another_commit_is_another_state_and_no_change(repository: Path) -> None:
    first = look(repository)
    (repository / "model" / "layers.py").write_text("second\n")
    committed(repository)
    second = look(repository)
    assert second.changed == ()
    assert (first.commit != second.commit, first.state != second.state) == (True, True)


def test_data_and_what_git_ignores_do_not_count(repository: Path) -> None:
    clean = look(repository)
    (repository / "result.json").write_text("{}")
    (repository / "ignored").mkdir()
    (repository / "ignored" / "built.py").write_text("built\n")
    assert look(repository) == clean


def test_a_name_that_is_no_text_and_a_pipe_in_a_files_place_do_no_harm(repository: Path) -> None:
    (repository / os.fsdecode(b"caf\xe9.py")).write_text("new\n")
    (repository / "model" / "layers.py").unlink()
    os.mkfifo(repository / "model" / "layers.py")
    found = look(repository)
    assert found.to_json()["changed"] == ["caf�.py", "model/layers.py"]


def test_of_a_directory_in_a_larger_repository_only_its_own_part_counts(tmp_path: Path) -> None:
    outer = made(tmp_path / "outer")
    inner = outer / "vendored"
    shutil.copytree(outer / "model", inner / "model")
    committed(outer)
    clean = look(inner)
    (outer / "model" / "layers.py").write_text("changed\n")
    (outer / "new.py").write_text("new\n")
    assert look(inner) == clean
    (inner / "model" / "layers.py").write_text("changed\n")
    assert look(inner).changed == ("model/layers.py",)
    git(outer, "stash", "-q")
    (outer / "notes.txt").write_text("changed\n")
    committed(outer)
    assert look(inner).state == clean.state  # another commit, of other files


@pytest.mark.parametrize("folder", ["ignored", "untracked"])
def test_a_directory_that_the_repository_around_it_does_not_keep_has_no_commit(repository: Path, folder: str) -> None:
    inner = repository / folder / "unpacked"
    (inner / "model").mkdir(parents=True)
    program = inner / "model" / "train.py"
    program.write_text("one\n")
    first = look(inner)
    program.write_text("two\n")
    second = look(inner)
    assert (first.commit, second.commit) == (None, None)
    assert first.state != second.state
    assert changes(second.to_json()) == []


def test_what_was_changed_in_a_submodule_counts(tmp_path: Path) -> None:
    outer, library = made(tmp_path / "outer"), made(tmp_path / "library")
    git(outer, "submodule", "add", "-q", str(library), "library")
    committed(outer)
    clean = look(outer)
    states = {clean.state}
    for text in ("one\n", "two\n"):
        (outer / "library" / "model" / "layers.py").write_text(text)
        found = look(outer)
        assert found.changed == ("library",)
        states.add(found.state)
    (outer / "library" / "model" / "new.py").write_text("new\n")
    states.add(look(outer).state)
    assert (clean.changed, len(states)) == ((), 4)


def test_variables_of_git_that_a_hook_has_are_not_the_checkouts(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = look(repository)
    other = made(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert look(repository) == expected


def test_nothing_is_written_and_no_hook_or_watcher_is_started(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    hook = repository / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    shutil.copy(trap, hook)
    for setting in ("core.fsmonitor", "diff.external", "diff.trap.textconv"):
        git(repository, "config", setting, str(trap))
    (repository / ".git" / "info").mkdir(exist_ok=True)
    (repository / ".git" / "info" / "attributes").write_text("*.py diff=trap\n")
    (tmp_path / "sprung").unlink(missing_ok=True)
    index = (repository / ".git" / "index").read_bytes()
    os.utime(repository / "model" / "layers.py", (1, 1))
    (repository / "model" / "train.py").write_text("changed\n")
    assert look(repository).changed == ("model/train.py",)
    assert (repository / ".git" / "index").read_bytes() == index
    assert not (tmp_path / "sprung").exists()


def test_without_git_the_code_beside_the_program_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = made(tmp_path / "repository")
    monkeypatch.setenv("PATH", str(tmp_path))
    first = look(directory)
    (directory / "notes.txt").write_text("changed\n")
    assert look(directory) == first
    (directory / "model" / "layers.py").write_text("changed\n")
    assert first.commit is None
    assert look(directory).state != first.state


def test_a_git_that_gives_no_answer_in_time_is_said(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = look(repository).commit
    monkeypatch.setattr(checkouts, "CHANGED", ("no-such-command",))
    found = look(repository)
    assert (found.commit, found.changed) == (known, None)
    assert changes(found.to_json()) == [
        f"whether the checkout differs from its commit {str(known)[:9]} is not known: git did not say"
    ]
    (repository / "model" / "layers.py").write_text("changed\n")
    assert look(repository).state != found.state


@pytest.mark.parametrize("record", [None, "x", {}, {"commit": None, "changes": 3}, {"commit": "a", "changes": 0}])
def test_what_says_nothing_is_no_flag(record: object) -> None:
    assert changes(record) == []
