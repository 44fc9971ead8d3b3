"""Text that comes from outside (names, messages, log lines, paths), made safe to show."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

#: Unicode's categories of characters that are not seen, or that change how their neighbours are seen: controls,
#: formats (bidirectional overrides, zero-width characters), lone surrogates, line and paragraph separators.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
#: What has a meaning in GitHub's Markdown within a line.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])")
_WEB_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?:[/?#][!-~]*)?")


def visible(text: object) -> str:
    """The text with every unseen character replaced by a sign for it: "\\x1b" by "␛", U+202E by "⟨U+202E⟩".

    A tab becomes spaces. What comes out can be encoded as UTF-8 and stands in XML.
    """
    return "".join(map(_sign, str(text)))


def _sign(character: str) -> str:
    if character == "\t":
        return "    "
    if unicodedata.category(character) not in _UNSEEN and ord(character) & 0xFFFE != 0xFFFE:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"⟨U+{code:04X}⟩"


def markdown_text(text: object) -> str:
    """The text as it stands within a line of GitHub's Markdown: no HTML, no code, no emphasis, no table border."""
    safe = visible(text).replace("&", "&amp;").replace("<", "&lt;")
    return _MARKDOWN.sub(r"\\\1", safe)


def folder_link(path: str) -> str | None:
    """A folder below the page as a relative address; None for a path that is absolute or leads elsewhere.

    The leading "./" keeps a name such as "javascript:x" from being read as a scheme.
    """
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts:
        return None
    return f"./{quote(str(pure), errors='replace')}/"


def web_link(text: str) -> str | None:
    """The text where it is an https address as a whole; None for all else."""
    return text if _WEB_ADDRESS.fullmatch(text) else None
