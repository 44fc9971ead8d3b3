"""What comes from outside is shown, and does nothing."""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from pytest_sixdim.core.visible import visible
from pytest_sixdim.report.escaping import folder_link, markdown_text, web_link


def test_ordinary_text_stays_as_it_is() -> None:
    assert visible("ResNet-50 v1.5, 76.1 % – größer, 速度 ✓") == "ResNet-50 v1.5, 76.1 % – größer, 速度 ✓"


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("a\nb\r", "a␊b␍"),
        ("a\tb", "a    b"),
        ("\x00", "␀"),
        ("\x7f\x85", "␡⟨U+0085⟩"),
        ("\u202egnp.exe", "⟨U+202E⟩gnp.exe"),
        ("a\u2066b\u200bc\ufeff", "a⟨U+2066⟩b⟨U+200B⟩c⟨U+FEFF⟩"),
        ("\u2028", "⟨U+2028⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\uffff", "⟨U+FFFF⟩"),
    ],
)
def test_what_is_not_seen_gets_a_sign(hidden: str, shown: str) -> None:
    assert visible(hidden) == shown


@given(st.text())
def test_any_text_can_stand_in_xml_and_leaves_nothing_unseen(text: str) -> None:
    shown = visible(text)
    assert (ElementTree.fromstring(f"<p>{escape(shown)}</p>".encode()).text or "") == shown
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("`rm`", r"\`rm\`"),
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("[x](javascript:y)", r"\[x\](javascript:y)"),
        ("**bold** _it_ ~s~ $m$ \\", r"\*\*bold\*\* \_it\_ \~s\~ \$m\$ \\"),
        ("one\n# two", "one␊# two"),
        ("# heading", r"\# heading"),
        ("- item", r"\- item"),
        ("12. item", r"12\. item"),
        ("---", r"\---"),
        ("> quote", r"\> quote"),
        ("-5 %", "-5 %"),
        ("#5", "#5"),
    ],
)
def test_markdown_keeps_no_meaning(text: str, escaped: str) -> None:
    assert markdown_text(text) == escaped


@pytest.mark.parametrize(
    ("path", "link"),
    [
        ("tiny/cpu-fp32/full-1", "./tiny/cpu-fp32/full-1/"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29/"),
        ('a" onclick="x', "./a%22%20onclick%3D%22x/"),
        ("a?b#c", "./a%3Fb%23c/"),
        ("/etc/passwd", None),
        ("../other", None),
        ("a/../../b", None),
        ("", None),
    ],
)
def test_a_folder_link_stays_below_the_page(path: str, link: str | None) -> None:
    assert folder_link(path) == link


@pytest.mark.parametrize("text", ["https://example.org", "https://example.org/a?b=c#d"])
def test_an_https_address_is_a_link(text: str) -> None:
    assert web_link(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)//https://example.org",
        "http://example.org",
        "data:text/html,x",
        "README.md#L12",
        "https://user@example.org",
        "https://example.org/a b",
        "https://example.org\n",
        "",
    ],
)
def test_all_else_is_no_link(text: str) -> None:
    assert web_link(text) is None
