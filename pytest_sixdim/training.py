"""What a training program imports to report itself: its segments, its evaluations, its end.

    from pytest_sixdim import training

    run = training.start(seed=args.seed, batch_size=args.batch_size)
    for epoch in run.epochs(30):
        for images, labels in run.batches(loader):
            ...                                             # the training step, as it was
            run.step(samples=len(images), loss=loss)
        if run.done:
            break
        with run.evaluation() as evaluation:
            evaluation.value, evaluation.samples = ..., ...
    run.finish()

One process may drive several cards, as programs in JAX do: `start(cards=N, synchronize=...)`.

Under the agent, the file that SIXDIM_RUN names says what is measured; by hand (`torchrun train.py`) defaults hold. The
events of docs/formats.md go to stdout, from rank 0. The device is synchronised at the borders of segments, evaluations
and pauses, never in a step. These borders, `total` and `finish` are collective: every rank makes the same calls.

This file stands alone (Python 3.8, standard library): the agent copies it into the training program's path.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import json
import math
import os
import platform
import random
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

Batch = TypeVar("Batch")

#: Warm-up is steady when the speeds of its last three segments differ by at most this share.
AGREEMENT = 0.01
#: A card that grew this much warmer in the last minute (degC) is not warmed up.
WARMING = 1.0
#: Seconds after which nobody keeps the file that says how warm the cards are.
THERMAL_AGE = 5.0
#: Seconds of training after which warm-up ends, steady or not.
WARMUP_LIMIT = 600.0
#: Segments are planned this much longer than asked for, because a step time is an estimate.
MARGIN = 1.05
#: A segment whose steps take longer than LONG_SECONDS has only as many as fill that time, but LONG_STEPS at least.
LONG_SECONDS, LONG_STEPS = 120.0, 10
#: Frameworks whose versions are reported where the program has imported them; torch says more of itself.
FRAMEWORKS = ("jax", "jaxlib", "tensorflow", "keras", "mindspore", "paddle")
#: Losses reported a segment.
LOSSES = 5
#: Significand bits, the leading one included, that the matrix units are fed under each precision.
SIGNIFICAND_BITS = {"fp32": 24, "tf32": 11, "fp16": 11, "amp-fp16": 11, "bf16": 8, "amp-bf16": 8}


class Measure(NamedTuple):
    """Warm-up and segments, as a case asks for them; `segment_seconds` is the least that a segment lasts."""

    warmup_steps: int = 50
    steady: bool = True
    segment_steps: int = 50
    segment_seconds: float = 6.0
    segments: int = 5

    def steps(self, step_seconds: float) -> int:
        """Steps of a segment where a step takes `step_seconds`."""
        steps = self.segment_steps
        if steps * step_seconds > LONG_SECONDS:
            steps = min(steps, max(LONG_STEPS, math.ceil(MARGIN * LONG_SECONDS / step_seconds)))
        return max(steps, math.ceil(MARGIN * self.segment_seconds / step_seconds))


#: By hand a run is for looking at: a fixed warm-up and short segments.
BY_HAND = Measure(steady=False, segment_seconds=1.0)


class WarmUp:
    """Decides when warm-up is over, and how many steps a segment then has; the same on every rank.

    The first half of the warm-up steps compiles and tunes; the second half gives the time of a step. A steady warm-up
    then goes on in segments until three in a row agree and no card grows warmer.

    Attributes:
        steps: of the stretch under way; once warm-up is over, of every segment.
        steady: whether the last three segments agreed; None for a fixed warm-up.
        rise: of a card's temperature over the last minute, degC; infinite while no minute has passed, -infinite where
            no card has a thermometer.
        seconds: training time so far.
    """

    def __init__(self, measure: Measure) -> None:
        self.measure = measure
        self.steps = max(1, measure.warmup_steps // 2)
        self.steady: bool | None = None
        self.rise = -math.inf
        self.seconds = 0.0
        self.over = False
        self._stretches = 0
        self._speeds: list[float] = []

    def stretch(self, seconds: float, samples: int, rise: float = -math.inf) -> bool:
        """Takes note that `self.steps` steps of all ranks took `seconds` for `samples`; returns whether it is over."""
        self.seconds += seconds
        self.rise = rise
        self._stretches += 1
        if self._stretches == 1:
            self.steps = max(1, self.measure.warmup_steps - self.steps)
            return False
        if self._stretches > 2:
            self._speeds.append(samples / seconds)
        self.steps = self.measure.steps(seconds / self.steps)
        if self.measure.steady:
            last = self._speeds[-3:]
            self.steady = len(last) == 3 and max(last) <= min(last) * (1 + AGREEMENT)
        ready = self.steady is None or (self.steady and rise < WARMING)
        self.over = ready or self.seconds >= WARMUP_LIMIT
        return self.over


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


class Place:
    """This process among the ranks, and its device.

    Which rank it is, torch.distributed says where the program has joined a group by then, else torchrun's variables;
    where nothing is said there is one. `device` is None without torch. `cards`: that this process drives. `wait`: has
    all of them finish their work.
    """

    def __init__(self, cards: int = 1, wait: Callable[[], object] | None = None) -> None:
        self.rank, self.world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        group = getattr(sys.modules.get("torch"), "distributed", None)
        if group is not None and group.is_available() and group.is_initialized():
            self.rank, self.world_size = group.get_rank(), group.get_world_size()
        self.local_rank = int(os.environ.get("LOCAL_RANK", str(self.rank)))
        # A program that has not imported torch does not train with it.
        used = "torch" in sys.modules or self.world_size > 1
        self.torch: Any = importlib.import_module("torch") if used else None
        self.device: Any = None
        self.cards = cards
        self.versions: dict[str, Any] = {"python": platform.python_version()}
        imported = ((name, sys.modules.get(name)) for name in FRAMEWORKS)
        self.versions.update({name: str(getattr(module, "__version__", "")) for name, module in imported if module})
        self._wait = wait
        self._accelerator: Any = None  # torch.cuda or its like; None on a CPU
        self._joined = False

    def join(self, kind: str | None, imports: Iterable[str], backend: str | None) -> None:
        """Takes a device of this kind (None: what torch finds), after `imports`, and joins the process group."""
        torch = self.torch
        modules = {name: importlib.import_module(name) for name in imports}
        if kind is None and hasattr(torch, "accelerator"):
            kind = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
        elif kind is None:
            kind = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(kind)
        if kind != "cpu":
            self._accelerator = getattr(torch, kind)
            count = self._accelerator.device_count()
            if count == 0:
                text = "torch %s sees no device of kind %s: is it the vendor's build, and are the cards visible?"
                raise RuntimeError(text % (torch.__version__, kind))
            index = self.local_rank % count  # a rank may see its own card only
            self._accelerator.set_device(index)
            self.device = torch.device(kind, index)
        if self.world_size > 1 and not torch.distributed.is_initialized():
            torch.distributed.init_process_group(backend or ("gloo" if kind == "cpu" else None))
            self._joined = True
        self.versions.update(torch=str(torch.__version__), num_threads=torch.get_num_threads())
        self.versions.update({k: v for k, v in vars(torch.version).items() if isinstance(v, str) and k[0] != "_"})
        self.versions.update({name: str(getattr(module, "__version__", "")) for name, module in modules.items()})

    def leave(self) -> None:
        """Leaves the process group that `join` made."""
        if self._joined:
            self.torch.distributed.destroy_process_group()

    def synchronize(self) -> None:
        """Waits until the device has done all that it was given."""
        if self._accelerator is not None:
            self._accelerator.synchronize()
        if self._wait is not None:
            self._wait()

    def gather(self, *values: float) -> list[tuple[float, ...]]:
        """The values of every rank, by rank; a barrier too. They travel as bytes: not every card has 64-bit floats."""
        layout = "=%dd" % len(values)
        return [struct.unpack(layout, row) for row in self._exchange(struct.pack(layout, *values))]

    def devices(self) -> list[dict[str, Any]] | None:
        """What torch says of every rank's device, by rank: name, uuid, pci, each where it knows; None on a CPU."""
        if self._accelerator is None:
            return None
        mine = json.dumps(described(self._accelerator, self.local_rank)).encode()
        longest = max(int(length) for (length,) in self.gather(len(mine)))
        return [json.loads(row) for row in self._exchange(mine.ljust(longest))]

    def _exchange(self, mine: bytes) -> list[bytes]:
        """The bytes of every rank, by rank; of the same number everywhere."""
        if self.world_size == 1:
            return [mine]
        sent = self.torch.tensor(list(mine), dtype=self.torch.uint8, device=self.device)
        everyone = [self.torch.empty_like(sent) for _ in range(self.world_size)]
        self.torch.distributed.all_gather(everyone, sent)
        return [bytes(row.tolist()) for row in everyone]

    def peaks(self) -> tuple[int, int] | None:
        """This rank's peaks of allocated and reserved bytes; None where torch does not count them."""
        if not hasattr(self._accelerator, "max_memory_reserved"):
            return None
        return self._accelerator.max_memory_allocated(), self._accelerator.max_memory_reserved()


def described(accelerator: Any, local_rank: int) -> dict[str, Any]:
    """The name, UUID and PCI address of this rank's device, as far as torch.cuda or its like knows them."""
    try:
        properties = accelerator.get_device_properties(local_rank % accelerator.device_count())
    except Exception:  # a vendor's extension may raise anything
        return {}
    numbers: list[Any] = [getattr(properties, "pci_%s_id" % part, None) for part in ("domain", "bus", "device")]
    whole = all(isinstance(number, int) for number in numbers)
    known = {"name": getattr(properties, "name", None), "uuid": getattr(properties, "uuid", None)}
    known["pci"] = "%04x:%02x:%02x.0" % tuple(numbers) if whole else None
    return {name: str(value) for name, value in known.items() if value}


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


def start(
    seed: int | None = None,
    batch_size: int | None = None,
    data: str | None = None,
    precision: str | None = None,
    generator: str | None = None,
    versions: dict[str, Any] | None = None,
    cards: int = 1,
    synchronize: Callable[[], object] | None = None,
) -> Run:
    """Begins a run: takes a device, joins the process group, seeds, and reports the start.

    Call it after `import torch` (a program that has not imported torch runs without, on one rank) and after switches
    of precision such as TF32, since it probes what they do.

    Args:
        seed: by default what the agent asks for, by hand 1.
        batch_size: samples per card and optimiser step; compared with what the agent asks for.
        data: "real" or "generated", where the program knows better than the agent.
        precision: the program's; compared with what the agent asks for. Where it is given, TF32 is switched off under
            fp32 and on under all others, and `Run.autocast` follows it.
        generator: name and version of what makes generated data.
        versions: what else decides the program's speed, such as whether it compiles; reported with the versions.
        cards: that this process drives. `step` then counts the samples of all of them.
        synchronize: called at the borders of segments, evaluations and pauses; returns once all that the cards were
            given is done. torch's own device needs none. JAX returns before it has computed, so a program in it must
            give one: `lambda: jax.block_until_ready(jax.live_arrays())` waits for all arrays that there are.

    Raises:
        ValueError: the program's seed, batch size, precision or number of cards is not the one asked for; `cards` is
            below 1; a program in JAX without `synchronize`.
        RuntimeError: the device computes with fewer bits than the configuration's precision declares.
    """
    settings: dict[str, Any] = {}
    if os.environ.get("SIXDIM_RUN"):
        with open(os.environ["SIXDIM_RUN"], encoding="utf-8") as file:
            settings = json.load(file)
    for name, given in (("seed", seed), ("batch_size", batch_size), ("precision", precision)):
        if given is not None and given != settings.get(name, given):
            raise ValueError("the program's %s is %s, the run was asked for %s" % (name, given, settings[name]))
    if cards < 1:
        raise ValueError("cards is %s: a process drives one at least" % cards)
    seed = settings.get("seed", 1) if seed is None else seed
    place = Place(cards, synchronize)
    if place.world_size * cards != settings.get("world_size", place.world_size * cards):
        text = "the run has %s card(s), the program knows of %s rank(s) with %s: before start(), join torch.distributed"
        text += " or set RANK and WORLD_SIZE; where one process drives them all, start(cards=...)"
        raise ValueError(text % (settings["world_size"], place.world_size, cards))
    if "jax" in sys.modules and place.torch is None and synchronize is None:
        wait = "synchronize=lambda: jax.block_until_ready(jax.live_arrays())"
        raise ValueError("JAX returns before it has computed; without start(%s) no time is true" % wait)
    switched, bits, precision = precision, None, str(precision or settings.get("precision"))
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if place.torch is not None:
        place.join(settings.get("device"), settings.get("imports") or (), settings.get("backend"))
        if switched is not None:
            switch_tf32(place.torch, precision != "fp32")
        bits = significand_bits(place.torch, place.device, precision) if precision in SIGNIFICAND_BITS else None
        place.torch.manual_seed(seed)
    run = Run(settings, seed, data or settings.get("data", {}).get("kind", "real"), place)
    run.precision = switched or run.precision
    place.versions.update(versions or {})
    about = {"role": run.role, "world_size": run.world_size * run.cards, "data": run.data, "versions": place.versions}
    about["generator"] = generator if run.data == "generated" else None
    run._emit("start", time.monotonic(), precision_probe=bits, devices=place.devices(), **about)
    for operation, kept in (bits or {}).items():
        if kept < SIGNIFICAND_BITS[precision]:
            text = "precision %s declares %d significand bits, a %s keeps %d (switches: torch.backends)"
            raise RuntimeError(text % (precision, SIGNIFICAND_BITS[precision], operation, kept))
    return run


def named(name: str) -> Any:
    """A module by its dotted name; not every vendor's part of torch can be imported by it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        first, *rest = name.split(".")
        return functools.reduce(getattr, rest, importlib.import_module(first))


def switch_tf32(torch: Any, on: bool) -> None:
    """Whether matrix products and convolutions of 32-bit floats may be computed in TF32, where the card can."""
    torch.set_float32_matmul_precision("high" if on else "highest")
    torch.backends.cudnn.allow_tf32 = on


def significand_bits(torch: Any, device: Any, precision: str) -> dict[str, int] | None:
    """How many significand bits a matmul and a convolution keep, run as the precision says; None where they cannot.

    1 + 2^-k times 1 comes out unchanged while k fits: to k = 23 in fp32, 10 in TF32 and fp16, 7 in bf16.
    """
    automatic, size = precision.startswith("amp-"), 256  # large enough for the kernels that training gets
    kind = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision.replace("amp-", ""), torch.float32)
    values = (1 + 2.0 ** -(torch.arange(size) % 24)).to(device, torch.float32 if automatic else kind)
    one = torch.eye(size, device=device, dtype=values.dtype)
    exact = 1 + 2.0 ** -torch.arange(24)
    autocast = torch.autocast(device.type, kind) if automatic else contextlib.nullcontext()
    try:
        with torch.no_grad(), autocast:
            matmul = (torch.diag(values) @ one).diagonal()
            image = values.view(1, size, 1, 1).expand(1, size, 16, 16)
            convolution = torch.nn.functional.conv2d(image, one.view(size, size, 1, 1))[0, :, 0, 0]
    except RuntimeError:
        return None
    kept = {}
    for operation, result in (("matmul", matmul), ("convolution", convolution)):
        equal = (result[:24].float().cpu() == exact).tolist()
        kept[operation] = [*equal, False].index(False, 1)  # k = 0 is 2, which fits everywhere
    return kept
