"""Cutting a stream of bytes into clean lines."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_sixdim.agent.lines import LONGEST_LINE, LineSplitter


def split(*chunks: bytes) -> list[str]:
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.finish()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (b"one\ntwo\r\nthree", ["one", "two", "three"]),
        (b"10%\r20%\r30%\rdone\n", ["10%", "20%", "30%", "done"]),
        (b"\n\n\r\r\n", []),
        (b"\x1b[1;31mred\x1b[0m \x1b[2K\x1b[1Gplain\n", ["red plain"]),
        (b"\x1b]0;title\x07after \x1b]8;;http://x\x1b\\link\n", ["after link"]),
        (b"\x1b[\n\x1b\n\x1b]unfinished\nnext\n", ["next"]),
        (b"bell\x07 back\x08space nul\x00 del\x7f tab\tkept\n", ["bell backspace nul del tab\tkept"]),
        ("c1 \x9b2J \x85 h\u00e9 \u6d4b\u8bd5\n".encode(), ["c1 2J  h\u00e9 \u6d4b\u8bd5"]),
        (b"bad \xff\xfe utf-8 \xe6\xb5\n", ["bad \ufffd\ufffd utf-8 \ufffd"]),
    ],
)
def test_lines_are_cut_and_cleaned(text: bytes, lines: list[str]) -> None:
    assert split(text) == lines


def test_a_half_line_waits_for_its_end() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"[sixdim] {") == []
    assert splitter.feed(b"}\nnext") == ["[sixdim] {}"]
    assert splitter.finish() == ["next"]


#: L stands for many bytes: three of them are more than a line may have.
pieces = st.sampled_from([b"a", b"\n", b"\r", b"\x1b", b"[31m", b"\xe6", b"\xb5\x8b", b"\x00", b"\xff", b"L"])


@settings(deadline=None)
@given(st.lists(pieces, max_size=12), st.sampled_from([1, 2, 3, 1000, 30_000, 70_000]))
def test_lines_do_not_depend_on_how_the_bytes_arrive(parts: list[bytes], size: int) -> None:
    if size < 1000:
        parts = [part for part in parts if part != b"L"]
    text = b"".join(parts).replace(b"L", b"x" * (LONGEST_LINE // 3 + 1))
    assert split(text) == split(*(text[i : i + size] for i in range(0, len(text), size)))


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_control_character_is_left(text: bytes) -> None:
    for line in split(text):
        assert line
        assert not any((ord(c) < 32 and c != "\t") or 127 <= ord(c) < 160 for c in line)


def test_a_line_of_a_hundred_megabytes_is_cut_in_bounded_memory() -> None:
    splitter = LineSplitter()
    chunk = b"x" * 1_000_000
    tracemalloc.start()
    for _ in range(100):
        assert splitter.feed(chunk) == []
    lines = splitter.feed(b"\nshort\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lines == ["x" * LONGEST_LINE + f" [... {100_000_000 - LONGEST_LINE} bytes dropped]", "short"]
    assert peak < 10_000_000
