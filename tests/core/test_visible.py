"""Texts of strangers, shown whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.visible import inert, visible, visible_lines


def test_line_feeds_stay_between_lines_only() -> None:
    assert visible_lines("a\nb\r\x1b") == "a\nb␍␛"
    assert visible("a\nb") == "a␊b"


def test_every_text_of_a_record_is_visible_and_all_else_stays() -> None:
    assert inert({"a\n": ["\x1b", {"b": "\u202e"}, 1, None, True]}) == {"a\n": ["␛", {"b": "⟨U+202E⟩"}, 1, None, True]}


@given(st.text())
def test_what_is_visible_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)
