"""What speaks against trusting a benchmark on this host, and the cure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Level = Literal["problem", "warning", "note"]
#: More cards than these are counted, not named.
NAMED = 2


@dataclass(frozen=True)
class Finding:
    """One thing.

    Attributes:
        level: problem: a figure of a run would be missing, or would not be what it says. warning: figures come, and
            somebody may ask how good they are. note: nothing is wrong, and it decides what figures may be compared.
        about: a card, a dimension, a sampler, or a part of the host.
        cure: what to do, empty where there is nothing.
    """

    level: Level
    about: str
    text: str
    cure: str = ""


def in_order(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Problems first; what is the same for several cards is said once."""
    about: dict[tuple[Level, str, str], list[str]] = {}
    for finding in found:
        about.setdefault((finding.level, finding.text, finding.cure), []).append(finding.about)
    joined = [
        Finding(level, ", ".join(names) if len(names) <= NAMED else f"{len(names)} cards", text, cure)
        for (level, text, cure), names in about.items()
    ]
    return tuple(sorted(joined, key=lambda finding: get_args(Level).index(finding.level)))
