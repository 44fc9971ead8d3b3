"""What the options of a log dialect may be, beside expressions. All raise OptionError for anything else."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pytest_sixdim.core.closest import closest
from pytest_sixdim.core.options import OptionError

LARGEST = 10**12


def one_of(option: str, given: Any, allowed: Sequence[str]) -> Any:
    """One of the allowed words, or None."""
    if given is None or (isinstance(given, str) and given in allowed):
        return given
    hint = closest(str(given)[:60], allowed)
    question = f"; did you mean {hint!r}?" if hint else ";"
    raise OptionError(option, f"{given!r:.60} is not allowed{question} allowed: {', '.join(allowed)}")


def whole(option: str, given: Any) -> int | None:
    """A whole number above 0, or None."""
    if given is None:
        return None
    if isinstance(given, int) and not isinstance(given, bool) and 0 < given <= LARGEST:
        return given
    raise OptionError(option, f"must be a whole number above 0, not {given!r:.60}")


def factor(given: Any) -> Decimal:
    """What the printed metric is multiplied by: a number above 0; 1 where nothing is given."""
    if given is None:
        return Decimal(1)
    if isinstance(given, (int, float)) and not isinstance(given, bool) and 0 < given <= LARGEST:
        return Decimal(str(given))
    raise OptionError("scale", f"must be a number above 0 such as 100, not {given!r:.60}")


def figure_name(option: str, given: Any) -> str | None:
    """What the log calls something, or None."""
    if given is None or (isinstance(given, str) and given.strip() == given and given):
        return given
    raise OptionError(option, f"must be the name of a figure in the log, not {given!r:.60}")


def time_format(option: str, given: Any) -> str | None:
    """A format of strptime that says day and time, to the second at least, or None."""
    if given is None:
        return None
    a_day = datetime.datetime(2022, 8, 29, 10, 11, 12)
    try:
        read = datetime.datetime.strptime(a_day.strftime(given), given).replace(tzinfo=None)
    except (TypeError, ValueError):
        read = None
    if read != a_day:
        raise OptionError(option, f"{given!r:.60} does not say day and time, as '%Y-%m-%d %H:%M:%S,%f' does")
    return str(given)
