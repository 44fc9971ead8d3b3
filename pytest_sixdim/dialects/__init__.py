"""Log dialects: a line of text in, events out. One file a dialect, one class each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from pytest_sixdim.core.events import Event
from pytest_sixdim.core.registry import class_path, load_class
from pytest_sixdim.dialects.job import Job


class Dialect(Protocol):
    """Reads what a training program prints. Made once a run (of each rank that is read, one for all), with the options
    of the case's `log` as keywords; with `job` too where its class has `OPTIONS`.

    Attributes:
        reports_end: whether a program that speaks it says when it has ended; only then is a missing `end` an error.

    A dialect may have a `mark`: a text that stands in every line with an event. Lines without it are then not given to
    `read`, which makes a log of many lines much cheaper. It may have `stream` ("stdout", "stderr") and `rank` (0,
    "last"): where its programs print, unless a case says otherwise. Where its `counts_epochs` is False, a case can't
    measure by epochs.
    """

    reports_end: bool

    def read(self, line: str, *, seen: float, rank: int) -> Iterable[Event]:
        """The events of one line, which has no line break, no ANSI sequence and no control character.

        seen: when the agent read it (monotonic s). rank: the global rank that printed it.
        Raises EventError for a line that claims to be an event and is not; events given before it count.
        """


class JobDialect(Dialect, Protocol):
    """A dialect that is told of its run: `Class(job=..., **options)`; its constructor raises OptionError.

    Attributes:
        OPTIONS: what a case's `log` may say to it: name -> what it means, in a few words.
    """

    OPTIONS: ClassVar[Mapping[str, str]]

    def __init__(self, job: Job | None = None, **options: Any) -> None: ...


#: Registered name -> "package.module:Class".
DIALECTS: dict[str, str] = {
    "internevo": "pytest_sixdim.dialects.internevo:InternEvoDialect",
    "keras": "pytest_sixdim.dialects.keras:KerasDialect",
    "megatron": "pytest_sixdim.dialects.megatron:MegatronDialect",
    "mindspore": "pytest_sixdim.dialects.mindspore:MindSporeDialect",
    "mllog": "pytest_sixdim.dialects.mllog:MllogDialect",
    "paddle-hapi": "pytest_sixdim.dialects.paddle_hapi:PaddleHapiDialect",
    "paddleclas": "pytest_sixdim.dialects.paddleclas:PaddleClasDialect",
    "pattern": "pytest_sixdim.dialects.pattern:PatternDialect",
    "perflog": "pytest_sixdim.dialects.perflog:PerfLogDialect",
    "sixdim": "pytest_sixdim.dialects.sixdim:SixdimDialect",
    "timm": "pytest_sixdim.dialects.timm:TimmDialect",
}


def make_dialect(
    name: str, options: Mapping[str, Any], known: Mapping[str, str] = DIALECTS, *, job: Job | None = None
) -> Dialect:
    """The dialect called `name`, for a run.

    Raises RegistryError where it is unknown or cannot be imported, OptionError, TypeError or ValueError where it does
    not take the options.
    """
    kind = load_class(class_path("dialect", name, known))
    dialect: Dialect = kind(job=job, **options) if hasattr(kind, "OPTIONS") else kind(**options)
    return dialect


def printed_where(name: str, known: Mapping[str, str] = DIALECTS) -> tuple[str, str | int]:
    """The stream (both, stdout, stderr) and the rank (a number, last, all) that the dialect's programs print on.

    Raises RegistryError.
    """
    kind = load_class(class_path("dialect", name, known))
    return getattr(kind, "stream", "both"), getattr(kind, "rank", 0)
