"""What is wrong with a file that somebody wrote: one line a problem, all problems of a file at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_sixdim.core.closest import closest


@dataclass(frozen=True)
class Problem:
    """One mistake. `line` is 1-based; 1 where the mistake is the file's as a whole."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path.name}:{self.line}: {self.message}"


class SchemaError(ValueError):
    """A file that can't be used; `problems` lists its mistakes in the order of their lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.line))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def shortened(text: str, limit: int = 60) -> str:
    """`text` in quotes, cut where it is long."""
    return repr(text if len(text) <= limit else f"{text[: limit - 3]}...")


def not_among(name: str, allowed: Iterable[str]) -> str:
    """As in "'hihger'; did you mean 'higher'? allowed: higher, lower"."""
    names = list(allowed)
    hint = closest(name[:60], names)
    return f"{shortened(name)}{f'; did you mean {hint!r}?' if hint else ';'} allowed: {', '.join(names)}"
