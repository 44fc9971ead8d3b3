"""Files of strangers: regular ones, and no more of them than is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_sixdim.core.files import FileTooLarge, bounded_lines, read_bounded, wrong_pattern


def test_a_file_of_just_the_size_is_read_and_a_larger_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    assert read_bounded(path, 100) == b"x" * 100
    with pytest.raises(FileTooLarge, match="larger than 99 bytes"):
        read_bounded(path, 99)


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device", "directory"])
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    else:
        path = Path("/dev/zero")
    with pytest.raises(OSError, match=r"a directory|not a regular file"):
        read_bounded(path, 100)


def test_a_pipe_that_takes_a_file_s_place_does_not_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.touch()
    regular = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda self: regular)
    with pytest.raises(OSError, match="not a regular file"):
        read_bounded(path, 100)


def test_lines_that_are_too_long_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345\n123456\n" + b"x" * 50 + b"\n\nend")
    assert list(bounded_lines(path, 5)) == [b"12345", b"", b"end"]
    path.write_bytes(b"x" * 50)
    assert list(bounded_lines(path, 5)) == []


@pytest.mark.parametrize("pattern", ["*.log", "work/**/*.log", "[", "a*/b?"])
def test_a_pattern_below_is_right(pattern: str, tmp_path: Path) -> None:
    assert wrong_pattern(pattern) is None
    assert list(tmp_path.glob(pattern)) == []


@pytest.mark.parametrize("pattern", ["", ".", "/a", "../a", "a/../../b", "a**", "**/a/**"])
def test_a_pattern_that_leads_elsewhere_or_that_pathlib_refuses_is_wrong(pattern: str) -> None:
    assert wrong_pattern(pattern) is not None
