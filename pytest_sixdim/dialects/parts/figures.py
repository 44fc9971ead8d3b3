"""Figures as foreign programs print them: numbers, stamps, and the case's metric among what an evaluation says."""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from typing import Any

from pytest_sixdim.core.events import LARGEST_COUNT, LARGEST_NUMBER, LONGEST, Evaluation, EventError, Progress
from pytest_sixdim.core.options import OptionError
from pytest_sixdim.dialects.job import Job
from pytest_sixdim.dialects.parts.option_values import positive

#: A number as Python, C++ and logging libraries print it.
NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d{1,4})?|\.\d+|(?i:nan|inf(?:inity)?))"
#: A count: no figure of training has more digits.
COUNT = r"\d{1,15}"
#: What the keys of a case's `log` that name the metric mean, for the OPTIONS of a dialect.
METRIC_OPTIONS = {
    "metric": "what the log calls the case's metric",
    "scale": "what the printed metric is multiplied with: 100 where the log has fractions and the case percent",
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
        if metric is not None and (not isinstance(metric, str) or not metric.strip()):
            raise OptionError("metric", f"{metric!r:.60} is no name of a figure in the log")
        self._name = job.metric or None
        self._metric = metric
        self._factor = positive("scale", scale) or 1.0

    def evaluation(
        self, figures: Mapping[str, str], *, t: float | None, seen: float, rank: int, **fields: Any
    ) -> Evaluation:
        """The evaluation that a line reports. figures: as printed, by name; a value with "%" is in percent already.

        Raises EventError where the metric is not among them.
        """
        key = self.key(figures)
        if key is None:
            asked = self._metric or self._name
            names = ", ".join(list(figures)[:10])
            raise EventError(
                f"no figure of {asked!r:.60} in this evaluation, only {names:.200}; name one with log.metric"
            )
        text = figures[key].strip()
        value = figure(text.removesuffix("%"))
        if value is not None and not text.endswith("%"):
            value *= self._factor
        return Evaluation(
            t=seen if t is None else t,
            seen=seen,
            rank=rank,
            value=value,
            metric=self._name,
            diverged=value is None,
            **fields,
        )

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
