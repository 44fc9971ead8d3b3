"""The content of a YAML file as plain values, with the line of every key and item."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_sixdim.schema.errors import Problem, shortened

#: Where a value stands: keys and item numbers from the top.
Location = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[\w-]{1,60}")


@dataclass
class Document:
    """A file's content.

    Attributes:
        lines: 1-based, of every key and item; the location () is the file itself.
        texts: numbers and booleans as they are written ("12.0").
        problems: what is wrong whatever the keys mean.
        unusable: locations whose value must not be complained of again.
    """

    path: Path
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[Location, int] = field(default_factory=dict)
    texts: dict[Location, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unusable: set[Location] = field(default_factory=set)

    def known(self, location: Location) -> Location:
        """The longest part of `location` that is written in the file."""
        while location and location not in self.lines:
            location = location[:-1]
        return location

    def problem(self, location: Location, message: str) -> Problem:
        """A problem at a value, or at what would hold it."""
        return Problem(self.path, self.line(location), message)

    def line(self, location: Location) -> int:
        """The line of a value, or of what would hold it."""
        return self.lines.get(self.known(location), 1)

    def text(self, location: Location, value: Any) -> str:
        """A scalar as it is written."""
        return self.texts.get(location, str(value))

    def usable(self, location: Location) -> bool:
        """Whether nothing is known against the value at `location` or what holds it."""
        return not any(location[:length] in self.unusable for length in range(1, len(location) + 1))


def where(location: Location) -> str:
    """As in "configurations[0].cards"."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part if _PLAIN_KEY.fullmatch(part) else shortened(part)}"
    return text.removeprefix(".")
