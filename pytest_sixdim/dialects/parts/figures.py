"""Figures as foreign programs print them: numbers, stamps, and the case's metric among what an evaluation says."""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pytest_sixdim.core.events import LARGEST_COUNT, LARGEST_NUMBER, LONGEST, Evaluation, EventError, Progress
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.option_values import factor, figure_name

#: A number as Python, C++ and logging libraries print it. No two parts of an expression that stand beside each other
#: may both take any number of the same characters: a line of 64 KB would then take minutes.
NUMBER = r"[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d{1,4})?|\.\d+|(?i:nan|inf(?:inity)?))"
#: A count: no figure of training has more digits.
COUNT = r"\d{1,15}"
#: What the keys of a case's `log` that name the metric mean, for the OPTIONS of a dialect.
METRIC_OPTIONS = {
    "metric": "what the log calls the case's metric",
    "scale": "what the printed metric is multiplied by: 100 where the log has fractions and the case percent",
}
#: Names of the same thing, as `_plain` leaves them.
_SAME = (
    ("top1", "acc1", "top1accuracy", "top1acc", "acc", "accuracy"),
    ("top5", "acc5", "top5accuracy", "top5acc"),
    ("loss", "lmloss", "lmlossvalue"),
    ("ppl", "perplexity", "plex", "lmppl", "lmlossppl"),
)
_STAMP = re.compile(
    r"(?<!\d)(\d{4})[-/](\d{2})[-/](\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,6}))?(?!\d)", re.ASCII
)


def figure(text: str) -> float | None:
    """The number; None for one that is not finite, and for what is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= LARGEST_NUMBER else None


def scaled(value: float | str | Decimal, by: Decimal) -> float:
    """A metric, multiplied in decimal as it was printed: 0.57 by 100 is 57 and not 56.99999999999999, which would miss
    a target of 57. NaN for one that is not finite."""
    number = Decimal(str(value))
    small = number.is_finite() and abs(number) <= LARGEST_NUMBER
    return float(number * by) if small else math.nan


def count(text: str | None) -> int | None:
    """The whole number from 0 that a figure stands for; None where it is none."""
    number = None if text is None else figure(text)
    return int(number) if number is not None and 0 <= number < LARGEST_COUNT and number == int(number) else None


def seconds_of(text: str, unit: str) -> float:
    """A duration in s; `unit`: s, ms or us. Raises EventError for one that no training takes."""
    number = figure(text)
    seconds = None if number is None else number * {"s": 1.0, "ms": 1e-3, "us": 1e-6}[unit]
    if seconds is None or not 0 <= seconds <= LONGEST:
        raise EventError(f"{text:.40} {unit} is no duration")
    return seconds


def instant(line: str, job: Job, seen: float) -> float | None:
    """When a line was printed, on the clock of the events: when it was read; of a recorded log, its own date and time
    of day (taken as UTC), None where it has none."""
    if not job.recorded:
        return seen
    match = _STAMP.search(line)
    if match is None:
        return None
    *fields, fraction = match.groups()
    try:
        whole = calendar.timegm((*(int(field) for field in fields), 0, 0, 0))
    except ValueError:
        return None
    return job.instant(whole + float(f"0.{fraction or 0}"))


def progress(
    *, t: float | None, seen: float, rank: int, loss: str | None = None, skipped: bool | None = None, **fields: Any
) -> Progress:
    """A sign of life; `loss` as it was printed. Other fields: step, epoch, speed."""
    value = None if loss is None else figure(loss)
    return Progress(
        t=seen if t is None else t,
        seen=seen,
        rank=rank,
        loss=value,
        skipped=skipped,
        diverged=loss is not None and value is None,
        **fields,
    )


class MetricChoice:
    """Which of an evaluation's figures is the case's metric, by the options `metric` and `scale`.

    Without `metric` it is the figure that the log calls as the case calls its metric, capitals, spaces, "-" and "_"
    aside, or by another usual name of the same thing.
    """

    def __init__(self, job: Job, metric: str | None, scale: float | None = None) -> None:
        """Raises OptionError."""
        self._name = job.metric or None
        self._metric = figure_name("metric", metric)
        self._factor = factor(scale)

    def evaluations(
        self, figures: Mapping[str, str], *, t: float | None, seen: float, rank: int, **fields: Any
    ) -> Iterator[Evaluation]:
        """The evaluation that a line reports. figures: as printed, by name; a value with "%" is in percent already.

        Where the metric is not among them, another figure under its own name, for an evaluation there was; then raises
        EventError.
        """
        at = {"t": seen if t is None else t, "seen": seen, "rank": rank, **fields}
        name = self.key(figures)
        if name is not None:
            value = self._value(name, figures[name].strip())
            lost = math.isnan(value)
            yield Evaluation(**at, value=None if lost else value, metric=self._name, diverged=lost)
            return
        for other, text in figures.items():
            if other != self._name and (number := figure(text.strip().removesuffix("%"))) is not None:
                yield Evaluation(**at, value=number, metric=other)
                break
        asked = self._metric or self._name
        if not figures:
            raise EventError("an evaluation without figures")
        names = ", ".join(list(figures)[:10])
        raise EventError(f"no figure of {asked!r:.60} in this evaluation, only {names:.200}; name one with log.metric")

    def _value(self, name: str, text: str) -> float:
        number = text.removesuffix("%")
        try:
            float(number)
        except ValueError:
            raise EventError(f"{name:.60} is {text!r:.60}, which is no number") from None
        return scaled(number, Decimal(1) if text.endswith("%") else self._factor)

    def key(self, names: Mapping[str, Any]) -> str | None:
        """What the metric is called in the log; None where none of the names is its own."""
        if self._metric is not None:
            return self._metric if self._metric in names else None
        wanted = _plain(self._name or "")
        if not wanted:
            return None
        same = next((group for group in _SAME if wanted in group), ())
        plain = {_plain(name): name for name in list(names)[::-1]}
        return next((plain[name] for name in (wanted, *same) if name in plain), None)


def _plain(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
