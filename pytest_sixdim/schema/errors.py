"""What is wrong with a file that somebody wrote: one line a problem, all problems of a file at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_sixdim.core.closest import closest
from pytest_sixdim.core.visible import visible

#: Problems of one file that are shown; of more only the number is.
MOST_PROBLEMS = 50


@dataclass(frozen=True)
class Problem:
    """One mistake. `line` is 1-based; 1 where the mistake is the file's as a whole."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return visible(f"{self.path.name}:{self.line}: {self.message}")


class SchemaError(ValueError):
    """A file that can't be used; `problems` lists its mistakes in the order of their lines, the first MOST_PROBLEMS of
    them and how many more there are."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = sorted(dict.fromkeys(problems), key=lambda problem: problem.line)
        if len(found) > MOST_PROBLEMS + 1:
            next_one, more = found[MOST_PROBLEMS], len(found) - MOST_PROBLEMS
            found[MOST_PROBLEMS:] = [Problem(next_one.path, next_one.line, f"{more} more problems from here on")]
        self.problems = tuple(found)
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
