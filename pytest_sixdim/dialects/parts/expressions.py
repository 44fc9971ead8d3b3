"""Regular expressions that a case file gives: checked and compiled once, and what their named groups capture."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from pytest_sixdim.core.closest import closest
from pytest_sixdim.core.events import LARGEST_COUNT, EventError
from pytest_sixdim.core.options import OptionError

#: Expressions of one option, and characters of each.
MOST, LONGEST = 20, 1000
#: Characters of a line that are searched.
LINE = 4096
#: "5:06:03" and "1 day, 5:06:03", as Python prints a duration.
_DURATION = re.compile(r"(?:(\d+) days?, )?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")

Captured = Mapping[str, str]


class Expressions:
    """The expressions of one option of a case's `log`.

    Attributes:
        groups: the named groups that any of them has.
    """

    def __init__(
        self, option: str, given: str | Sequence[str] | None, allowed: Sequence[str], needs: Sequence[str] = ()
    ) -> None:
        """
        allowed: the names that a group may have. needs: of these every expression has at least one.

        Raises OptionError, which names the expression and what is wrong with it.
        """
        texts = [] if given is None else [given] if isinstance(given, str) else given
        if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
            raise OptionError(option, "must be a regular expression or a list of them")
        if len(texts) > MOST:
            raise OptionError(option, f"{len(texts)} expressions; at most {MOST} are allowed")
        self._compiled = [_compiled(option, text, allowed, needs) for text in texts]
        self.groups = frozenset(name for each in self._compiled for name in each.groupindex)

    def __bool__(self) -> bool:
        return bool(self._compiled)

    def find(self, line: str) -> Captured | None:
        """What the first expression that is found in the line captures; None where none is."""
        for each in self._compiled:
            match = each.search(line)
            if match is not None:
                return {name: text for name, text in match.groupdict().items() if text is not None}
        return None


def _compiled(option: str, text: str, allowed: Sequence[str], needs: Sequence[str]) -> re.Pattern[str]:
    short = text if len(text) <= 60 else f"{text[:57]}..."
    shown = f"'{short}'" if short.isprintable() else repr(short)  # backslashes as they were written
    if len(text) > LONGEST:
        raise OptionError(option, f"{shown} has {len(text)} characters; at most {LONGEST} are allowed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = re.compile(text)
    except re.error as error:
        at = "" if error.pos is None else f" at character {error.pos + 1}"
        raise OptionError(option, f"{shown} is no regular expression: {error.msg}{at}") from None
    except (OverflowError, RecursionError):
        raise OptionError(option, f"{shown} is no regular expression: too much in it") from None
    for name in found.groupindex:
        if name not in allowed:
            hint = closest(name, allowed)
            question = f"; did you mean {hint!r}?" if hint else ";"
            raise OptionError(option, f"{shown} has an unknown group {name!r}{question} allowed: {', '.join(allowed)}")
    if needs and not set(needs) & set(found.groupindex):
        one = f"(?P<{needs[0]}>...)" if len(needs) == 1 else f"one of {', '.join(needs)}, as in (?P<{needs[0]}>...)"
        raise OptionError(option, f"{shown} lacks a group {one}")
    if found.search("") is not None:
        raise OptionError(option, f"{shown} is found in every line, even an empty one")
    return found


def decimal(captured: Captured, group: str) -> Decimal | None:
    """The number that a group captured, exactly as printed: 4,910.79 and nan are numbers too; None without one.

    Raises EventError for what is none.
    """
    text = captured.get(group)
    if text is None:
        return None
    text = text.strip()
    try:
        return Decimal(text.replace(",", "") if _THOUSANDS.fullmatch(text) else text)
    except InvalidOperation:
        raise EventError(f"group {group!r} captures {text!r:.60}, which is no number") from None


def number(captured: Captured, group: str) -> float | None:
    """The same as a float; what is too large for one is infinite."""
    found = decimal(captured, group)
    return None if found is None else as_float(found)


def as_float(value: Decimal) -> float:
    """As a float, nan and infinities included."""
    return math.nan if value.is_nan() else float(value)


def count(captured: Captured, group: str) -> int | None:
    """The whole number that a group captured; None without one. Raises EventError for another."""
    found = number(captured, group)
    if found is None:
        return None
    if not 0 <= found < LARGEST_COUNT or not found.is_integer():
        raise EventError(f"group {group!r} captures {captured[group]!r:.60}, which is no count")
    return int(found)


def seconds(captured: Captured, group: str = "seconds") -> float | None:
    """The duration that a group captured, s: a number, or hours, minutes and seconds such as 5:06:03."""
    match = _DURATION.fullmatch(captured.get(group, "").strip())
    if match is None:
        return number(captured, group)
    days, hours, minutes, rest = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest
