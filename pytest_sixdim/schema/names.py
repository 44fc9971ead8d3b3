"""Names, paths and other short texts of a case file, and what each is checked against."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from pytest_sixdim.core.adapters import ADAPTERS
from pytest_sixdim.core.closest import unknown_name
from pytest_sixdim.core.files import wrong_pattern
from pytest_sixdim.schema.errors import not_among, shortened
from pytest_sixdim.schema.model import Text

LAUNCHES = ("torchrun", "command", "msrun", "paddle", "mpirun")
#: Cards of a node, and nodes; more than any machine has.
MOST = 65536
#: Samples of a batch or a data set.
MOST_SAMPLES = 10**12
#: Characters of a name that becomes part of a folder's.
LONGEST_NAME = 60


@dataclass(frozen=True)
class Surroundings:
    """What a case file is checked against: its own directory, the known vendors' ids and log dialects (None: any)."""

    directory: Path
    vendors: Collection[str]
    dialects: Collection[str] | None = None


def made_of(characters: str, described: str) -> Callable[[str], str]:
    """A validator: the text has only `characters` (a regular expression's set) and is not empty."""
    pattern = re.compile(f"[{characters}]+")

    def check(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"{shortened(text)}: may only have the characters {described}")
        if len(text) > LONGEST_NAME:
            raise ValueError(f"{shortened(text)}: must have at most {LONGEST_NAME} characters")
        return text

    return check


def relative_path(text: str) -> str:
    """A path below some directory.

    Raises ValueError for an absolute one and one that climbs out.
    """
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{shortened(text)}: must be a path below the directory, without '..'")
    return text


def log_pattern(text: str) -> str:
    """A glob pattern below the run's directory. Raises ValueError for any other."""
    wrong = wrong_pattern(text)
    if wrong is not None:
        raise ValueError(f"{shortened(text)}: {wrong}")
    return text


def _beside(what: str, is_there: Callable[[Path], bool]) -> Callable[[str, ValidationInfo], str]:
    """A validator: a path below the case's folder that is there, or one below a checkout, wherever that may lie."""

    def check(text: str, info: ValidationInfo) -> str:
        relative_path(text)
        if info.data.get("checkout") is not None:
            return text
        try:
            exists = is_there(_surroundings(info).directory / text)
        except (OSError, ValueError):  # a name that no file can have
            exists = False
        if not exists:
            raise ValueError(f"{shortened(text)}: no such {what} beside the case")
        return text

    return check


def _vendor(text: str, info: ValidationInfo) -> str:
    vendors = _surroundings(info).vendors
    if text not in vendors:
        raise ValueError(unknown_name("vendor", text[:60], vendors))
    return text


def _surroundings(info: ValidationInfo) -> Surroundings:
    assert isinstance(info.context, Surroundings)
    return info.context


def _dialect(text: str, info: ValidationInfo) -> str:
    dialects = _surroundings(info).dialects
    if dialects is not None and text not in dialects:
        raise ValueError(unknown_name("log format", text[:60], dialects))
    return text


def _adapter(text: str) -> str:
    if text not in ADAPTERS:
        raise ValueError(unknown_name("adapter", text[:60], ADAPTERS))
    return text


def _launch(text: str) -> str:
    if text not in LAUNCHES:
        raise ValueError(not_among(text, LAUNCHES))
    return text


def _module(text: str) -> str:
    if not all(part.isidentifier() for part in text.split(".")) or len(text) > LONGEST_NAME:
        raise ValueError(f"{shortened(text)}: must be the name of a module, such as mindspore")
    return text


def _not_the_agents(text: str) -> str:
    if text.startswith("SIXDIM_"):
        raise ValueError("names that begin with SIXDIM_ are the agent's own")
    return text


def _rank(value: Any) -> int | str:
    if value in ("last", "all") or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value  # type: ignore[no-any-return]
    raise ValueError("must be a rank (0 or more), last or all")


def _unit(text: str) -> str:
    if len(text) > 20 or " " in text or not text.isprintable():
        raise ValueError(f"{shortened(text)}: must be a unit, at most 20 characters without a space")
    return text


def _version(value: Any) -> int:
    if value != 1 or isinstance(value, bool):
        raise ValueError("schema version must be 1")
    return 1


def _listed(value: Any) -> Any:
    """A single number stands for a list of one."""
    return value if isinstance(value, list) else [value]


_number = {"type": "integer", "minimum": 1, "maximum": MOST}
_ONE_OR_MORE = {"anyOf": [_number, {"type": "array", "items": _number, "minItems": 1, "maxItems": 32}]}
Identifier = Annotated[
    str,
    AfterValidator(made_of("a-z0-9_", "a-z, 0-9 and _")),
    WithJsonSchema({"type": "string", "pattern": "^[a-z0-9_]+$"}),
]
LogFormat = Annotated[
    str,
    AfterValidator(made_of("a-z0-9_-", "a-z, 0-9, _ and -")),
    AfterValidator(_dialect),
    WithJsonSchema({"type": "string", "pattern": "^[a-z0-9_-]+$"}),
]
RelativePath = Annotated[Text, AfterValidator(relative_path)]
LogPattern = Annotated[Text, AfterValidator(log_pattern)]
Program = Annotated[Text, AfterValidator(_beside("file", Path.is_file))]
StartingDirectory = Annotated[Text, AfterValidator(_beside("directory", Path.is_dir))]
#: Of a process' environment.
variable_name = made_of("A-Za-z0-9_", "A-Z, a-z, 0-9 and _")
Variable = Annotated[str, AfterValidator(variable_name), AfterValidator(_not_the_agents)]
Module = Annotated[str, AfterValidator(_module)]
Vendor = Annotated[str, AfterValidator(_vendor)]
Launch = Annotated[str, AfterValidator(_launch), WithJsonSchema({"enum": list(LAUNCHES)})]
AdapterName = Annotated[str, AfterValidator(_adapter), WithJsonSchema({"enum": list(ADAPTERS)})]
Unit = Annotated[str, AfterValidator(_unit)]
Rank = Annotated[
    int | str,
    PlainValidator(_rank),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"enum": ["last", "all"]}]}),
]
SchemaVersion = Annotated[int, PlainValidator(_version), WithJsonSchema({"const": 1})]
Count = Annotated[int, Field(gt=0, le=MOST_SAMPLES)]
OneOrMore = Annotated[
    list[Annotated[int, Field(gt=0, le=MOST)]],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=32),
    WithJsonSchema(_ONE_OR_MORE),
]
