"""A training run that reports itself: its segments, its evaluations, its end."""

from __future__ import annotations

import contextlib
import inspect
import json
import math
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pytest_sixdim.training.place import Place
from pytest_sixdim.training.precision import named
from pytest_sixdim.training.warmup import Measure, WarmUp

Batch = TypeVar("Batch")

#: Seconds after which nobody keeps the file that says how warm the cards are.
THERMAL_AGE = 5.0
#: Losses reported a segment.
LOSSES = 5
#: By hand a run is for looking at: a fixed warm-up and short segments.
BY_HAND = Measure(steady=False, segment_seconds=1.0)


class Stretch:
    """What this rank did since the last border. Its clock stands still in evaluations and pauses."""

    def __init__(self) -> None:
        self.seconds = self.loader_seconds = self.paused_seconds = 0.0
        self.samples = 0
        self.resume()

    def stop(self) -> float:
        """Stops the clock; returns the instant."""
        now = time.monotonic()
        self.seconds += now - self._since
        return now

    def resume(self) -> None:
        """Lets the clock run on."""
        self._since = time.monotonic()


class Evaluation:
    """What a program fills in: `value`, in the case's unit (rank 0's counts), and `samples` evaluated by all ranks."""

    value: Any = None
    samples: int | None = None


class Run:
    """A training run that reports itself; made by `start`.

    Attributes:
        role: "full" (to the target) or "window" (to the last counted segment).
        settings: all that run.json says; empty by hand.
        seed: of `random`, numpy and torch, the same on every rank; derive what must differ from seed and rank.
        data, data_path: "real" or "generated"; where real data lies, or None.
        rank, local_rank, world_size, device: this process among the ranks, and its torch.device (None without torch).
        cards: that this process drives; the whole job has `world_size * cards`.
        precision: that the program trains in, such as amp-bf16; None where nobody says.
        steps, samples: trained so far; samples of this process.
        epoch: the epoch under way, from 1; 0 outside of `epochs`.
    """

    def __init__(self, settings: dict[str, Any], seed: int, data: str, place: Place) -> None:
        self.settings, self.seed, self.data = settings, seed, data
        self.data_path: str | None = settings.get("data", {}).get("path")
        self.role: str = settings.get("role", "full")
        self.measure = Measure(**settings["measure"]) if settings else BY_HAND
        self.rank, self.local_rank, self.world_size = place.rank, place.local_rank, place.world_size
        self.device, self.cards = place.device, place.cards
        self.precision: str | None = settings.get("precision")
        self.steps = self.samples = self.epoch = 0
        self._metric: dict[str, Any] = settings.get("metric", {})
        self._place = place
        self._began = time.monotonic()
        self._warmup = WarmUp(self.measure)
        self._left = self._warmup.steps  # steps to the next border
        self._stretch = Stretch()
        self._speeds: list[float] = []  # samples/s of the segments so far
        self._losses: list[tuple[int, Any]] = []  # (step, loss) not yet reported
        self._loss: float | None = None
        self._value: float | None = None
        self._met = self._enough = False

    @property
    def complete(self) -> bool:
        """Whether all counted segments are done."""
        return len(self._speeds) >= self.measure.segments

    @property
    def done(self) -> bool:
        """Whether training may stop: segments complete and, in a full run, target met. The same on every rank.

        Where run.json has a `budget`, a full run goes on until an evaluation after so many samples.
        """
        return self.complete and (self.role == "window" or (self._met and self._enough))

    def epochs(self, count: int) -> Iterator[int]:
        """Counts epochs from 0 until the run is done or has had `count`.

        Under the agent it goes on beyond `count` until the segments are complete: a schedule must hold beyond its end.
        """
        index = 0
        while not self.done and (index < count or (self.settings and not self.complete)):
            before, self.epoch = self.steps, index + 1
            yield index
            if self.steps == before:
                raise RuntimeError("an epoch without a training step: is the loader empty?")
            index += 1

    def batches(self, loader: Iterable[Batch]) -> Iterator[Batch]:
        """The loader's batches until the run is done; measures how long the program waits for them."""
        if self.steps == 0:
            self._stretch = Stretch()
        asked = time.monotonic()
        iterator = iter(loader)
        while not self.done:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            finally:
                self._stretch.loader_seconds += time.monotonic() - asked
            yield batch
            asked = time.monotonic()

    def step(self, samples: int, loss: Any = None) -> None:
        """An optimiser step is done (with gradient accumulation: once a whole step, with the samples of all its parts).

        `samples`: of this rank in this step, on all its cards. `loss`: a number or a tensor (an array of JAX), whose
        value is read at the next border.
        """
        self.steps += 1
        self.samples += samples
        self._stretch.samples += samples
        self._left -= 1
        if loss is not None and self._left % max(1, self._warmup.steps // LOSSES) == 0:
            self._losses.append((self.steps, loss.detach().clone() if hasattr(loss, "detach") else loss))
        if self._left == 0:
            self._border()

    @contextlib.contextmanager
    def evaluation(self, epoch: float | None = None) -> Iterator[Evaluation]:
        """Stops the clock for an evaluation; then every rank knows whether rank 0's `value` meets the target.

        `epoch`: epochs trained so far; by default those of `epochs`. Raises ValueError where no value was set.
        """
        evaluation = Evaluation()
        with self._standing() as began:
            yield evaluation
        if self.rank == 0 and evaluation.value is None:
            raise ValueError("evaluation.value was not set")
        rows = self._place.gather(math.nan if evaluation.value is None else float(evaluation.value), self.samples)
        now = time.monotonic()
        self._value = value = rows[0][0]
        target = self._metric.get("target")
        if target is not None:
            lower = self._metric.get("better") == "lower"
            self._met = self._met or (value <= target if lower else value >= target)
        self._report_losses(now)
        trained = int(sum(row[1] for row in rows))
        self._enough = trained >= (self.settings.get("budget") or 0)
        epoch = (self.epoch or None) if epoch is None else epoch
        progress = {"epoch": epoch, "step": self.steps, "trained_samples": trained}
        samples = None if evaluation.samples is None else int(evaluation.samples)
        about = {"metric": self._metric.get("name"), "samples": samples, "seconds": now - began}
        self._emit("evaluation", now, value=value, **about, **progress)
        self._stretch.resume()

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Stops the clock for what is neither training nor evaluation, such as saving. Every rank enters it."""
        with self._standing() as began:
            yield
        self._place.gather(0.0)
        self._stretch.paused_seconds += time.monotonic() - began
        self._stretch.resume()

    def total(self, value: float) -> float:
        """The sum of a number over all ranks."""
        return float(sum(row[0] for row in self._place.gather(float(value))))

    def autocast(self) -> Any:
        """A context, new for every step, in which amp-fp16 and amp-bf16 compute; it does nothing under others."""
        if not str(self.precision).startswith("amp-"):
            return contextlib.nullcontext()
        kind = {"amp-fp16": self._place.torch.float16, "amp-bf16": self._place.torch.bfloat16}[str(self.precision)]
        return self._amp("autocast", dtype=kind)

    def grad_scaler(self) -> Any:
        """A gradient scaler, which only scales under amp-fp16."""
        return self._amp("GradScaler", enabled=self.precision == "amp-fp16")

    def _amp(self, name: str, **options: Any) -> Any:
        """torch.amp's wants the type of the device first; vendors' own, such as torch.npu.amp's, know theirs."""
        kind = self.device.type
        module = named(self.settings.get("amp") or "torch.amp")
        entry = getattr(module, name, None) or getattr(getattr(self._place.torch, kind).amp, name)  # before torch 2.3
        first = next(iter(inspect.signature(entry).parameters), "")
        return entry(kind, **options) if first in ("device", "device_type") else entry(**options)

    def finish(self) -> None:
        """Training ended as planned: reports how, and leaves the process group that `start` joined.

        A program that fails does not get here: its exit code and traceback say so.
        """
        peaks = self._place.peaks()
        rows = self._place.gather(self.samples, *(peaks or ()))
        now = time.monotonic()
        self._report_losses(now)
        if peaks:
            allocated, reserved = (int(max(row[i] for row in rows)) for i in (1, 2))
            self._emit("memory", now, peak_allocated=allocated, peak_reserved=reserved)
        status = "success"
        if self.role == "window" and not self.complete:
            status = "failed"
        elif self.role == "full" and self._metric.get("target") is not None and not self._met:
            status = "target_missed"
        self._print(self._summary(status))
        self._emit("end", now, status=status, seconds=now - self._began, samples=int(sum(row[0] for row in rows)))
        self._place.leave()

    def _border(self) -> None:
        """Ends a stretch of warm-up or a segment, on all ranks at once, and begins the next."""
        stretch, warmup = self._stretch, self._warmup
        self._place.synchronize()
        stretch.stop()
        rise = -math.inf if warmup.over or not self.measure.steady else self._rise()
        rows = self._place.gather(stretch.seconds, stretch.loader_seconds, stretch.samples, rise)
        now = time.monotonic()
        seconds, loader_seconds, rise = (max(row[i] for row in rows) for i in (0, 1, 3))
        samples = int(sum(row[2] for row in rows))
        self._report_losses(now)
        if warmup.over:
            self._speeds.append(samples / seconds)
            size = {"samples": samples, "steps": warmup.steps, "loss": self._loss}
            times = {"seconds": seconds, "loader_seconds": loader_seconds, "paused_seconds": stretch.paused_seconds}
            self._emit("segment", now, index=len(self._speeds), **size, **times)
        elif warmup.stretch(seconds, samples, rise):
            about = {"step": self.steps, "steady": warmup.steady, "seconds": warmup.seconds}
            self._emit("warmup_end", now, rise=rise if math.isfinite(rise) else None, **about)
        self._left = warmup.steps
        self._stretch = Stretch()

    def _rise(self) -> float:
        """By how much a card of this node grew warmer in the last minute, as WarmUp.rise has it."""
        try:
            with open(self.settings["paths"]["thermal"], encoding="utf-8") as file:
                told = json.load(file)
            if time.monotonic() - told["t"] > THERMAL_AGE:
                return -math.inf
            return math.inf if told["rise"] is None else float(told["rise"])
        except (OSError, ValueError, KeyError, TypeError):  # by hand, without a thermometer, broken
            return -math.inf

    @contextlib.contextmanager
    def _standing(self) -> Iterator[float]:
        """Stops the clock, with the device idle at both edges; gives the instant of the first."""
        self._place.synchronize()
        yield self._stretch.stop()
        self._place.synchronize()

    def _report_losses(self, now: float) -> None:
        for step, loss in self._losses:
            self._loss = float(loss)
            self._emit("progress", now, step=step, epoch=self.epoch or None, loss=self._loss)
        self._losses.clear()

    def _emit(self, event: str, now: float, **fields: Any) -> None:
        known = {key: value for key, value in fields.items() if value is not None}
        self._print("[sixdim] " + json.dumps({"event": event, "t": now, **known}))

    def _print(self, line: str) -> None:
        if self.rank == 0:
            sys.stdout.write(line + "\n")  # one write: print() makes two, and another rank's line may come between
            sys.stdout.flush()

    def _summary(self, status: str) -> str:
        """One line for people: the mean of the counted segments without the fastest and the slowest, and the value."""
        counted = sorted(self._speeds[: self.measure.segments])
        middle = counted[1:-1] or counted
        speed = "no segment"
        if middle:
            speed = "%.1f samples/s over %d segments" % (sum(middle) / len(middle), len(counted))
        value = "" if self._value is None else ", %s %.6g" % (self._metric.get("name", "value"), self._value)
        what = "%d rank(s)" % self.world_size if self.cards == 1 else "%d cards" % (self.world_size * self.cards)
        return "sixdim: %s, %s%s: %s" % (what, speed, value, status)
