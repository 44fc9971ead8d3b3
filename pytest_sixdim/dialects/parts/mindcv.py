"""The lines of MindCV's logger, which the dialect `mindspore` reads too."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_sixdim.core.events import Event
from pytest_sixdim.dialects.parts.figures import COUNT, NUMBER, MetricChoice, progress, seconds_of
from pytest_sixdim.dialects.stretches import Stretch, Stretches

TRAINING = re.compile(
    rf"Epoch: \[({COUNT})/{COUNT}\], batch: \[({COUNT})/({COUNT})\], loss: ({NUMBER}),.{{0,1000}} time: ({NUMBER})s",
    re.ASCII,
)
VALIDATION = re.compile(rf"Validation (.{{1,1000}}), time: ({NUMBER})s", re.ASCII)
FIGURE = re.compile(rf"([A-Za-z]\w{{0,60}}): ({NUMBER}%?)", re.ASCII)
#: The last line of an epoch, after its checkpoint is saved.
SUMMARY = "Total time since last epoch"


class MindCV:
    """Reads MindCV's lines for the dialect. `time` is the sum since the last line, or since the epoch began."""

    def __init__(self, metric: MetricChoice, stretches: Stretches) -> None:
        self._metric = metric
        self._stretches = stretches
        self._at: tuple[int, int] | None = None  # epoch and batch of the last line; None between epochs

    def read(self, line: str, *, t: float | None, seen: float, rank: int) -> Iterator[Event]:
        """The events of a line that was printed at `t`. Raises EventError."""
        if match := TRAINING.search(line):
            yield from self._train(match, t, seen, rank)
        elif match := VALIDATION.search(line):
            seconds = self._stretches.evaluated(t, seconds_of(match[2], "s"))
            figures = dict(FIGURE.findall(match[1]))
            yield from self._metric.evaluations(figures, t=t, seen=seen, rank=rank, seconds=seconds)
        elif SUMMARY in line:
            self._stretches.paused(t)

    def _train(self, match: re.Match[str], t: float | None, seen: float, rank: int) -> Iterator[Event]:
        epoch, batch, batches = int(match[1]), int(match[2]), int(match[3])
        seconds = seconds_of(match[5], "s")
        sign = progress(t=t, seen=seen, rank=rank, epoch=epoch, step=(epoch - 1) * batches + batch, loss=match[4])
        yield sign
        before, self._at = self._at, None if batch == batches else (epoch, batch)
        if before is not None and (before[0] != epoch or batch <= before[1]):
            self._stretches.began(t)
            return
        yield from self._stretches.trained(
            Stretch(
                t=t,
                seen=seen,
                rank=rank,
                steps=batch - (0 if before is None else before[1]),
                epochs=int(batch == batches),
                seconds=seconds,
                loss=sign.loss,
            )
        )
