"""Text that comes from outside (names, messages, log lines, paths), made safe to show."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import quote

from pytest_sixdim.core.visible import visible

#: What has a meaning in GitHub's Markdown within a line.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$])")
#: What has one at the beginning of a line: headings, quotes, lists, rules.
_OPENING = re.compile(r"^(\s*[0-9]{0,9})(?=(?:#{1,6}|[-+]+|=+|(?<=[0-9])[.)])(?:\s|$)|>)")
_WEB_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+(?:[/?#][!-~]*)?")


def markdown_text(text: object) -> str:
    """The text as it stands within a line of GitHub's Markdown: no HTML, no code, no emphasis, no table border,
    no heading."""
    safe = visible(text).replace("&", "&amp;").replace("<", "&lt;")
    return _OPENING.sub(r"\1\\", _MARKDOWN.sub(r"\\\1", safe))


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
