"""Messages for names that nobody knows: the closest match and the known ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, None where none is near."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """As in "unknown vendor 'nvidai'; did you mean 'nvidia'? known: amd, cpu, nvidia"."""
    names = sorted(known)
    hint = closest(name, names)
    question = f"; did you mean {hint!r}?" if hint else ";"
    return f"unknown {kind} {name!r}{question} known: {', '.join(names)}"
