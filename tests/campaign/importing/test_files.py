"""Files that are imported."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing import files as imported_files
from pytest_sixdim.campaign.importing.files import (
    CHUNK,
    MOST,
    identified,
    lines_of,
    require_distinct,
    require_unchanged,
)


def test_a_file_is_known_by_its_name_its_size_and_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "result_1.txt"
    path.write_bytes(b"one\n" * 100_000)
    told = identified(path, "log").to_json()
    assert told == {
        "name": "result_1.txt",
        "role": "log",
        "bytes": 400_000,
        "sha256": hashlib.sha256(b"one\n" * 100_000).hexdigest(),
    }


def test_a_file_that_is_missing_empty_or_a_pipe_is_refused_by_name(tmp_path: Path) -> None:
    empty, pipe = tmp_path / "empty.log", tmp_path / "pipe.log"
    empty.touch()
    os.mkfifo(pipe)
    for path, why in ((tmp_path / "no.log", "No such file"), (empty, "is empty"), (pipe, "not a regular file")):
        with pytest.raises(CannotImport, match=f"{path.name}: .*{why}"):
            identified(path, "log")


def test_the_same_content_twice_is_one_run(tmp_path: Path) -> None:
    one, two, three = tmp_path / "1.log", tmp_path / "2.log", tmp_path / "3.log"
    for path, text in ((one, "a\n"), (two, "b\n"), (three, "a\n")):
        path.write_text(text)
    files = [identified(path, "log") for path in (one, two, three)]
    require_distinct(files[:2])
    with pytest.raises(CannotImport, match=r"3\.log: holds the same as .*1\.log"):
        require_distinct(files)
    with pytest.raises(CannotImport, match="itself, given twice"):
        require_distinct([files[0], identified(one, "log")])


def test_lines_of_a_gzipped_log_are_those_of_the_log(tmp_path: Path) -> None:
    text = "".join(f"line {number} of a log\r\n" for number in range(50_000))
    plain, packed = tmp_path / "run.log", tmp_path / "run.log.gz"
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    assert len(text) > 2 * CHUNK
    lines = list(lines_of(plain))
    assert lines[-1] == "line 49999 of a log"
    assert list(lines_of(packed)) == lines


@pytest.mark.parametrize("broken", ["cut", "flipped", "no gzip behind its first bytes"])
def test_a_broken_gzip_is_named(tmp_path: Path, broken: str) -> None:
    content = bytearray(gzip.compress(os.urandom(5000)))
    path = tmp_path / "run.log.gz"
    if broken == "cut":
        del content[2000:]
    elif broken == "flipped":
        content[-6] ^= 0xFF
    else:
        content[2:] = b"no gzip"
    path.write_bytes(bytes(content))
    with pytest.raises(CannotImport, match=r"run\.log\.gz: broken gzip"):
        list(lines_of(path))


def test_a_file_that_claims_to_be_huge_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "sparse.log"
    with path.open("wb") as file:
        file.truncate(MOST + 1)
    with pytest.raises(CannotImport, match=r"sparse\.log: larger than 64 GiB"):
        identified(path, "log")


def test_what_a_small_file_unpacks_to_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imported_files, "MOST_UNPACKED", 10 * CHUNK)
    path = tmp_path / "bomb.log.gz"
    path.write_bytes(gzip.compress(b"\n" * (20 * CHUNK)))
    with pytest.raises(CannotImport, match=r"bomb\.log\.gz: holds more than .* GiB once it is unpacked"):
        list(lines_of(path))


def test_a_log_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text("one\n")
    file = identified(path, "log")
    require_unchanged([file])
    path.write_text("one\ntwo\n")
    with pytest.raises(CannotImport, match=r"run\.log: was written to while it was imported"):
        require_unchanged([file])
    path.unlink()
    with pytest.raises(CannotImport, match=r"run\.log: No such file"):
        require_unchanged([file])
