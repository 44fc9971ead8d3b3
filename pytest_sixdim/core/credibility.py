"""The program's word on its segments against the agent's stamps and plain arithmetic (docs/method.md, section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from pytest_sixdim.core.case import Configuration
from pytest_sixdim.core.events import Evaluation, Segment, Start, WarmupEnd
from pytest_sixdim.core.quantities import shown
from pytest_sixdim.core.spans import duration, merged, within

#: How far the program's seconds may lie from the agent's: the larger of a share and an amount.
TIME_SHARE = 0.01
TIME_SECONDS = 0.1
#: A program's stamps that lie further than this from the agent's come from another clock.
CLOCK_SECONDS = 1.0
#: An event that was seen later than this after it was printed, or than TIME_SHARE of its segment, has no time.
LATE_SECONDS = 0.25
#: Significand bits, the leading one included, that the matrix units are fed under each precision.
SIGNIFICAND_BITS = {"fp32": 24, "tf32": 11, "fp16": 11, "amp-fp16": 11, "bf16": 8, "amp-bf16": 8}
#: An epoch is taken to last at least so many steps: each may end in one ragged batch.
EPOCH_STEPS = 10


def contradictions(
    start: Start | None,
    warmup: WarmupEnd | None,
    segments: Sequence[Segment],
    evaluations: Sequence[Evaluation],
    progress_losses: Sequence[float],
    configuration: Configuration,
    *,
    recorded: bool = False,
) -> tuple[str, ...]:
    """One sentence for each thing that cannot be true of the counted segments as they were reported.

    recorded: nobody watched the program print them: its own stamps, where all have one, stand for the agent's.
    """
    borders: list[WarmupEnd | Segment] = [*([warmup] if warmup else []), *segments]
    resolution = 0.0
    if recorded:
        stamped = all(event.t != event.seen for event in borders)
        borders = [replace(event, seen=event.t) for event in borders] if stamped else []
        resolution = 1.0 if all(event.t.is_integer() for event in borders) else 0.0
    found = [*_ranks(start, configuration), *_precision(start, configuration), *_indices(segments)]
    found += [*_stamps(borders), *_claims(borders, evaluations, resolution)]
    found += [*_samples(segments, configuration), *_equal(segments)]
    return (*found, *_losses(segments, progress_losses))


def _ranks(start: Start | None, configuration: Configuration) -> list[str]:
    if start is None or start.world_size == configuration.world_size:
        return []
    return [f"the program trained on {start.world_size} ranks, the configuration has {configuration.world_size}"]


def _precision(start: Start | None, configuration: Configuration) -> list[str]:
    """What the program probed against what the configuration declares; `training` itself fails such a run."""
    declared = SIGNIFICAND_BITS.get(configuration.precision)
    probe = (start.precision_probe if start else None) or {}
    return [
        f"a {operation} keeps {kept} significand bits, {configuration.precision} declares {declared}"
        for operation, kept in probe.items()
        if declared is not None and isinstance(kept, int) and kept < declared
    ]


def _indices(segments: Sequence[Segment]) -> list[str]:
    indices = [segment.index for segment in segments]
    if not indices or indices == list(range(indices[0], indices[0] + len(indices))):
        return []
    return [f"the segments are numbered {', '.join(map(str, indices))}"]


def _stamps(borders: Sequence[WarmupEnd | Segment]) -> list[str]:
    """The program's own stamps against the agent's."""
    late = _late(borders)
    apart = max((abs(event.t - event.seen) for event in borders), default=0.0)
    if apart > CLOCK_SECONDS and not late:
        return [f"the program's clock is {shown(apart)} s away from the agent's"]
    found = late
    for before, event in pairwise(borders):
        stamped, seen = event.t - before.t, event.seen - before.seen
        if stamped <= 0:
            found.append(f"{_name(event)} does not end after {_name(before)}")
        elif abs(stamped - seen) > _tolerance(seen):
            found.append(
                f"{_name(event)} took {shown(stamped)} s by the program's stamps and {shown(seen)} s by the agent's"
            )
    return found


def _late(borders: Sequence[WarmupEnd | Segment]) -> list[str]:
    """The events whose time nobody knows: the agent read them late, and no stamp of the program's says when they came.

    A program that prints more than the agent can read has such, and one beside an agent that was held up itself.
    """
    passed = [borders[-1].seen - borders[0].seen] if borders else []
    passed += [event.seen - before.seen for before, event in pairwise(borders)]
    return [
        f"{_name(event)} may have been printed {shown(event.late)} s before the agent read it: it could not keep up"
        for event, seconds in zip(borders, passed, strict=True)
        if event.late > max(LATE_SECONDS, TIME_SHARE * seconds)
        and (event.t == event.seen or abs(event.t - event.seen) > TIME_SECONDS)
    ]


def _claims(borders: Sequence[WarmupEnd | Segment], evaluations: Sequence[Evaluation], resolution: float) -> list[str]:
    """The seconds claimed against those that passed on the agent's clock, evaluations and pauses aside.

    The sum is checked too: a tenth of a second shaved off each segment adds up. `resolution`: of that clock, s.
    """
    found: list[str] = []
    claimed_in_all = passed_in_all = 0.0
    all_timed = True
    for before, event in pairwise(borders):
        if not isinstance(event, Segment):
            continue
        between = [e for e in evaluations if before.t < e.t <= event.t]
        timed = all(e.seconds is not None for e in between)
        cuts = merged((e.t - (e.seconds or 0.0), e.t) for e in evaluations)
        passed = event.seen - before.seen - duration(within(cuts, (before.t, event.t))) - (event.paused_seconds or 0.0)
        tolerance = _tolerance(passed) + resolution
        if event.seconds is None:
            all_timed = False
            continue
        if event.seconds > passed + tolerance:
            found.append(
                f"{_name(event)} claims {shown(event.seconds)} s of training where {shown(passed)} s passed: "
                f"it overlaps {_name(before)} or what lies between"
            )
        elif timed and event.seconds < passed - tolerance:
            found.append(f"{_name(event)} claims {shown(event.seconds)} s of training where {shown(passed)} s passed")
        claimed_in_all += event.seconds
        passed_in_all += passed
        all_timed = all_timed and timed
    apart = abs(claimed_in_all - passed_in_all)
    if not found and all_timed and apart > _tolerance(passed_in_all) + resolution:
        return [f"the segments claim {shown(claimed_in_all)} s of training where {shown(passed_in_all)} s passed"]
    return found


def _samples(segments: Sequence[Segment], configuration: Configuration) -> list[str]:
    """Samples against steps x batch x ranks.

    An epoch's last batch may be ragged, so a segment may count up to one global batch fewer for every ten steps begun;
    never more. The same whole number of samples a step and card in every segment is no ragged batch but another size.
    What a program does not say is not compared.
    """
    found = []
    batch = configuration.global_batch_size
    sizes = set()
    for segment in segments:
        if any(amount is not None and amount <= 0 for amount in (segment.samples, segment.steps, segment.seconds)):
            found.append(f"{_name(segment)} reports {_amounts(segment)}")
            continue
        if segment.samples is None or segment.steps is None:
            continue
        sizes.add(segment.samples / (segment.steps * configuration.world_size))
        expected = segment.steps * batch
        if segment.samples > expected or expected - segment.samples > -(-segment.steps // EPOCH_STEPS) * batch:
            found.append(
                f"{_name(segment)} counts {segment.samples} samples, {segment.steps} steps of {batch} make {expected}"
            )
    if not found and sizes:
        size = sizes.pop()
        if not sizes and size.is_integer() and size != configuration.batch_size:
            found.append(
                f"the segments count {size:.0f} samples a step and card, the configuration {configuration.batch_size}"
            )
    return found


def _amounts(segment: Segment) -> str:
    samples = [] if segment.samples is None else [f"{segment.samples} samples"]
    steps = [] if segment.steps is None else [f"{segment.steps} steps"]
    return ", ".join([*samples, *steps, *([] if segment.seconds is None else [f"{shown(segment.seconds)} s"])])


def _equal(segments: Sequence[Segment]) -> list[str]:
    """Segments are equal stretches: steps (else samples) within 1 %, or one step, of each other.

    Those that were joined from a program's reports end where it reports, and the last report of an epoch may come
    early: such a segment may have up to twice as many steps as another.
    """
    name, amounts = "steps", [segment.steps for segment in segments if segment.steps is not None]
    if len(amounts) < len(segments):
        name, amounts = "samples", [segment.samples for segment in segments if segment.samples is not None]
    if not amounts or len(amounts) < len(segments):
        return []
    joined = all(segment.reports is not None for segment in segments)
    allowed = min(amounts) if joined else max(1.0, TIME_SHARE * max(amounts))
    if max(amounts) - min(amounts) <= allowed:
        return []
    return [f"the segments are not equal: {min(amounts)} to {max(amounts)} {name}"]


def _losses(segments: Sequence[Segment], progress_losses: Sequence[float]) -> list[str]:
    found = [
        f"the loss of {_name(segment)} is not finite"
        for segment in segments
        if segment.loss is None and segment.diverged
    ]
    losses = [segment.loss for segment in segments if segment.loss is not None] + list(progress_losses)
    if len(losses) > 1 and len(set(losses)) == 1:
        found.append(f"the loss does not change: {shown(losses[0])} in every report of the window")
    return found


def _tolerance(seconds: float) -> float:
    return max(TIME_SHARE * abs(seconds), TIME_SECONDS)


def _name(event: WarmupEnd | Segment) -> str:
    return f"segment {event.index}" if isinstance(event, Segment) else "warm-up"
