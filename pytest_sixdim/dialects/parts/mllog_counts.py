"""How many samples an interval of an MLPerf log trained: what `samples_count` means differs between programs.

gpt-oss counts from the start of the run, DeepSeek gives every block its own size, GRPO prints the block's size on its
start and its stop. So nothing is taken for granted: what the log's own figures contradict or leave open is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_sixdim.dialects.parts.marked_json import count, finite

#: Without a batch size to compare with, an epoch_count up to this counts epochs.
EPOCHS = 100


@dataclass(frozen=True)
class Position:
    """What a line says of its place in training: `samples` as printed, whatever it means."""

    t: float | None
    samples: int | None = None
    step: int | None = None
    epoch: float | None = None
    epochs: int | None = None

    @classmethod
    def of(cls, metadata: Mapping[str, Any], t: float | None, *, epochs_are_samples: bool) -> Position:
        """From a line's metadata. `t`: on the clock of the events."""
        samples, epoch = count(metadata.get("samples_count")), finite(metadata.get("epoch_num"))
        if epochs_are_samples:
            samples, epoch = count(metadata.get("epoch_num")) if samples is None else samples, None
        epochs = count(metadata.get("epoch_count"))
        return cls(t, samples, count(metadata.get("step")), epoch, epochs)


class Counts:
    """What the log says of sizes.

    Attributes:
        batch: samples a step of the whole job, by the log's word, else by the configuration's.
        train_samples: of the data set; None where the log has not said it.
        running: the highest count of a line that is no border: such lines count from the start.
    """

    def __init__(self, batch: int | None, epochs: str | None) -> None:
        self.batch = batch
        self.train_samples: int | None = None
        self.running = 0
        self.epochs_are_samples = epochs == "samples"
        self._epochs_are_epochs = epochs == "epochs"

    def of_epochs(self, epochs: int | None) -> int | None:
        """Samples of a block of so many epochs; None where `epoch_count` may count samples as well."""
        if not epochs:
            return None
        if self.epochs_are_samples:
            return epochs
        if self.train_samples and (self._epochs_are_epochs or epochs < (self.batch or EPOCHS)):
            return epochs * self.train_samples
        return None

    def steps_of(self, samples: int) -> int | None:
        """The steps that so many samples take, the last one perhaps ragged."""
        return -(-samples // self.batch) if self.batch else None


class Sizes:
    """The sizes of one kind of interval, one after the other."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._before: int | None = None  # the count at the last stop
        self._size: int | None = None
        self._meaning: str | None = None  # own or cumulative, once a log has shown it

    def of(self, start: Position, stop: Position) -> int | None:
        """Samples between the two by their counts; None where those say nothing, or not clearly enough."""
        before, printed = self._before, stop.samples
        if printed is None:
            return None
        self._before = printed
        size = self._decide(start, stop, printed, before)
        self._size = size if size is not None else self._size
        return size

    def _decide(self, start: Position, stop: Position, printed: int, before: int | None) -> int | None:
        first, batch = start.samples, self._counts.batch
        since = first if first is not None and first < printed else before if before is not None else 0
        cumulative = printed - since if printed > since else None
        if start.step is not None and stop.step is not None and stop.step > start.step and batch:
            expected = (stop.step - start.step) * batch
            return next(
                (size for size in (cumulative, printed) if size is not None and expected - batch < size <= expected),
                None,
            )
        if first is not None and first < printed:
            near = before is None or first == 0 or abs(first - before) < (batch or 1)
            return cumulative if near else None
        if first is not None and first > printed:
            return None
        return self._without_start(printed, before, cumulative)

    def _without_start(self, printed: int, before: int | None, cumulative: int | None) -> int | None:
        """Start and stop have the same count, or the start has none."""
        if before is None:
            return printed or None  # both meanings come to the same, but for a resumed run
        if printed <= before or self._counts.running > printed:
            self._meaning = "own"
        elif self._meaning is None and cumulative is not None and cumulative == self._size:
            self._meaning = "cumulative"
        return {"own": printed or None, "cumulative": cumulative}.get(self._meaning or "")
