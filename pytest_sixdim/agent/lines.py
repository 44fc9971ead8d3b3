"""Bytes of a log in, clean lines out, however large or broken the log is."""

from __future__ import annotations

import re

#: Bytes that are kept of one line; the rest is dropped, and the line says how much.
LONGEST_LINE = 64 * 1024

#: ECMA-48: control sequences, operating system commands, and escapes of two characters.
ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class LineSplitter:
    """Cuts a stream of bytes at line feeds and carriage returns; holds at most LONGEST_LINE bytes between calls.

    Lines are decoded as UTF-8 with replacement characters, freed of ANSI sequences and control characters; empty ones
    are left out. The lines do not depend on how the bytes are divided among the calls.
    """

    def __init__(self) -> None:
        self._pending = b""
        self._dropped = 0  # bytes of the pending line that were not kept

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that `chunk` completes."""
        text = self._pending + chunk.replace(b"\r", b"\n")
        while b"\n\n" in text:  # nothing but empty lines would cost a million times what it holds
            text = text.replace(b"\n\n", b"\n")
        *complete, rest = text.split(b"\n")
        if complete:
            complete[0] = self._shorten(complete[0], self._dropped)
            complete[1:] = [self._shorten(line) for line in complete[1:]]
            self._dropped = 0
        self._dropped += max(0, len(rest) - LONGEST_LINE)
        self._pending = rest[:LONGEST_LINE]
        return _clean(complete)

    def finish(self) -> list[str]:
        """The line at the end that no line break completes."""
        return self.feed(b"\n")

    @staticmethod
    def _shorten(line: bytes, dropped: int = 0) -> bytes:
        dropped += max(0, len(line) - LONGEST_LINE)
        return line[:LONGEST_LINE] + b" [... %d bytes dropped]" % dropped if dropped else line


def _clean(lines: list[bytes]) -> list[str]:
    text = b"\n".join(lines).decode("utf-8", "replace")
    if CONTROL.search(text):
        text = CONTROL.sub("", ANSI.sub("", text))
    return [line for line in text.split("\n") if line]
