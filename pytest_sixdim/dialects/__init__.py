"""Log dialects: a line of text in, events out. One file a dialect, one class each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pytest_sixdim.core.events import Event
from pytest_sixdim.core.registry import class_path, load_class


class Dialect(Protocol):
    """Reads what a training program prints. Made once a run, with the options of the case's `log` as keywords.

    Attributes:
        reports_end: whether a program that speaks it says when it has ended; only then is a missing `end` an error.

    A dialect may have a `mark`: a text that stands in every line with an event. Lines without it are then not given to
    `read`, which makes a log of many lines much cheaper.
    """

    reports_end: bool

    def read(self, line: str, *, seen: float, rank: int) -> Iterable[Event]:
        """The events of one line, which has no line break, no ANSI sequence and no control character.

        seen: when the agent read it (monotonic s). rank: the global rank that printed it.
        Raises EventError for a line that claims to be an event and is not; events given before it count.
        """


#: Registered name -> "package.module:Class".
DIALECTS: dict[str, str] = {"sixdim": "pytest_sixdim.dialects.sixdim:SixdimDialect"}


def make_dialect(name: str, options: Mapping[str, Any], known: Mapping[str, str] = DIALECTS) -> Dialect:
    """The dialect called `name`.

    Raises RegistryError where it is unknown or cannot be imported, TypeError or ValueError where it does not take
    the options.
    """
    dialect: Dialect = load_class(class_path("dialect", name, known))(**options)
    return dialect
