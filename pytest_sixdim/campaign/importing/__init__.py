"""Recorded logs become scorecards, without running anything (docs/import.md)."""

from __future__ import annotations


class CannotImport(ValueError):
    """What can't be imported as asked; the message names the file or the option, what was wrong and what is allowed."""
