"""Arguments of a training program: scalars that may mention placeholders such as {batch_size}."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from pytest_sixdim.core.case import PLACEHOLDERS
from pytest_sixdim.schema.errors import not_among, shortened

LONGEST_ARGUMENT = 10_000  # characters
_BRACES = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def check_placeholders(text: str) -> str:
    """`text`, such that str.format fills it with nothing but PLACEHOLDERS.

    Raises ValueError for an unknown placeholder and for a brace that stands alone.
    """
    for match in _BRACES.finditer(text):
        if match[0] in ("{", "}"):
            raise ValueError(f"{shortened(text)}: a single {match[0]!r}; write {match[0] * 2!r} for a brace")
        name = match[1]
        if name is not None and name not in PLACEHOLDERS:
            raise ValueError(f"unknown placeholder {not_among(name, PLACEHOLDERS)} ({{{{ and }}}} for braces)")
    return check_argument(text)


def placeholders_in(text: str) -> set[str]:
    """What an argument that has been checked mentions."""
    return {match[1] for match in _BRACES.finditer(text) if match[1] is not None}


def check_argument(text: str) -> str:
    """`text`, such that it can be an argument of a program, or a variable's value.

    Raises ValueError for one that is too long, and for characters that no argument can have.
    """
    if "\0" in text:
        raise ValueError(f"{shortened(text)}: an argument can't hold a NUL character")
    if len(text) > LONGEST_ARGUMENT:
        raise ValueError(f"{shortened(text)}: an argument has at most {LONGEST_ARGUMENT} characters, not {len(text)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{shortened(text)}: an argument can't hold half a surrogate pair") from None
    return text


def _argument(value: Any) -> str | int | float | bool:
    if isinstance(value, str):
        return check_placeholders(value)
    if isinstance(value, (int, float)):
        return value
    raise ValueError("must be text or a number")


#: As read; its text as written is in Document.texts.
Argument = Annotated[
    str | int | float | bool, PlainValidator(_argument), WithJsonSchema({"type": ["string", "number", "boolean"]})
]
Arguments = Annotated[list[Argument], Field(max_length=1000)]
