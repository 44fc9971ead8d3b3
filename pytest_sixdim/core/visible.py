"""Text that comes from outside (names, messages, log lines, paths), with all of it visible."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

#: Unicode's categories of characters that are not seen, or that change how their neighbours are seen: controls,
#: formats (bidirectional overrides, zero-width characters), lone surrogates, line and paragraph separators.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(text: object) -> str:
    """The text with every unseen character replaced by a sign for it: "\\x1b" by "␛", U+202E by "⟨U+202E⟩".

    A tab becomes spaces. What comes out can be encoded as UTF-8, stands in XML, and does nothing to a terminal.
    """
    given = str(text)
    return given if given.isprintable() else "".join(map(_sign, given))


def visible_lines(text: object) -> str:
    """The same, line feeds left alone."""
    return "\n".join(map(visible, str(text).split("\n")))


def inert(record: Any) -> Any:
    """A record of plain types with every text in it visible; keys stay."""
    if isinstance(record, Mapping):
        return {key: inert(value) for key, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [inert(value) for value in record]
    return visible(record) if isinstance(record, str) else record


def _sign(character: str) -> str:
    if character == "\t":
        return "    "
    if unicodedata.category(character) not in _UNSEEN and ord(character) & 0xFFFE != 0xFFFE:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"⟨U+{code:04X}⟩"
