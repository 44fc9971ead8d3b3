"""From a run's events to its window: the counted segments, and when they trained (docs/method.md, "Words")."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_sixdim.core.case import Configuration, Measure
from pytest_sixdim.core.credibility import contradictions
from pytest_sixdim.core.events import Evaluation, Event, Progress, Segment, Start, WarmupEnd
from pytest_sixdim.core.quantities import count_of, percent, shown
from pytest_sixdim.core.segments import Breaks, TimedSegment, timed
from pytest_sixdim.core.spans import Span, merged

#: A larger share of a segment spent on pauses that the program announced is flagged.
PAUSED_SHARE = 0.05
#: A card that grew warmer by this much in so many seconds before the window was not warmed up.
WARMING_DEGREES = 1.0
WARMING_SECONDS = 60.0


@dataclass(frozen=True)
class Window:
    """The counted segments of a run and what is known around them.

    Attributes:
        segments: the counted ones, at most `wanted`.
        later: those after them, for the sustained figures.
        started: when training began, None where the program did not say; readings before it are idle.
        warmup_ended: None where the program did not say.
        steady: whether the last warm-up segments agreed; None for a fixed or unreported warm-up.
        warming: a card still grew warmer when warm-up ended, as the program was told.
        short: segments under the method's length, or a fixed warm-up.
        suspect: contradictions in what the program reported, one sentence each.
        program_speeds: what the program itself called its speed within the window, samples/s; of the kind `train`
            where it rated no segment.
        recorded: it was read from a log that was written earlier: nobody watched its clock.
        hindrance: why there may be too few segments, as far as the log tells.
    """

    segments: tuple[TimedSegment, ...]
    later: tuple[TimedSegment, ...]
    wanted: int
    started: float | None = None
    warmup_ended: float | None = None
    steady: bool | None = None
    warming: bool = False
    short: bool = False
    suspect: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    program_speeds: tuple[float, ...] = ()
    recorded: bool = False
    hindrance: str = ""

    @property
    def complete(self) -> bool:
        """Whether all segments came."""
        return len(self.segments) >= self.wanted > 0

    @property
    def reached(self) -> str:
        """How many segments came, as in "2 of 5 segments were completed", and why no more, where that is known."""
        text = f"{len(self.segments)} of {self.wanted} segments were completed"
        return f"{text}: {self.hindrance}" if self.hindrance else text

    @property
    def spans(self) -> tuple[Span, ...]:
        """When the counted segments trained, ascending, adjacent ones joined."""
        return merged(span for segment in self.segments for span in segment.spans)

    @property
    def later_spans(self) -> tuple[Span, ...]:
        """When the later segments trained."""
        return merged(span for segment in self.later for span in segment.spans)

    @property
    def seconds(self) -> float | None:
        """Training seconds of the counted segments; None where one does not say, as for the next two."""
        known = [segment.seconds for segment in self.segments if segment.seconds is not None]
        return math.fsum(known) if len(known) == len(self.segments) else None

    @property
    def samples(self) -> int | None:
        """Samples of the counted segments, over all ranks."""
        known = [segment.samples for segment in self.segments if segment.samples is not None]
        return sum(known) if len(known) == len(self.segments) else None

    @property
    def steps(self) -> int | None:
        """Steps of the counted segments."""
        known = [segment.steps for segment in self.segments if segment.steps is not None]
        return sum(known) if len(known) == len(self.segments) else None

    @property
    def whole_seconds(self) -> float | None:
        """From the end of warm-up to the end of the last counted segment, with all that lies between; None where nobody
        knows when the segments trained."""
        if not self.segments or not all(segment.spans for segment in self.segments):
            return None
        begin = self.spans[0][0] if self.warmup_ended is None else self.warmup_ended
        return self.segments[-1].ended - begin

    @property
    def without_time(self) -> str | None:
        """Why nobody knows when the counted segments trained; None where that is known."""
        if all(segment.spans for segment in self.segments):
            return None
        if self.recorded:
            return "nobody knows when the segments trained: the log has no time stamps"
        if all(segment.seconds is not None for segment in self.segments):
            return self.suspect[0] if self.suspect else "a segment reports no time"
        return "nobody knows when the segments trained: evaluations of unknown length lie in them"


def read_window(
    events: Sequence[Event], measure: Measure, configuration: Configuration, *, recorded: bool = False
) -> Window:
    """The window of a run.

    Segments reported before warm-up ended are not counted. Where several ranks report segments, the lowest counts.

    recorded: the events are of a log that was written earlier. `seen` then says nothing, and a `t` that equals it is
    no stamp.
    """
    start = next((event for event in events if isinstance(event, Start)), None)
    rank = _reporting_rank(events)
    mine = [event for event in events if event.rank == rank]
    warmup = next((event for event in mine if isinstance(event, WarmupEnd)), None)
    after = mine[mine.index(warmup) :] if warmup else mine
    reported = [event for event in after if isinstance(event, Segment)]
    evaluations = [event for event in mine if isinstance(event, Evaluation)]
    unknown = warmup is None or (recorded and warmup.t == warmup.seen)
    borders = [None if unknown or warmup is None else warmup.t, *(segment.t for segment in reported)]
    breaks = Breaks(evaluations)
    all_timed = [
        timed(segment, begin, breaks, stamped=not recorded or segment.t != segment.seen)
        for begin, segment in zip(borders, reported, strict=False)
    ]
    counted, later = tuple(all_timed[: measure.segments]), tuple(all_timed[measure.segments :])
    short = not measure.steady or any(segment.short for segment in counted)
    progress = [event for event in _until(after, reported[: measure.segments]) if isinstance(event, Progress)]
    return Window(
        segments=counted,
        later=later,
        wanted=measure.segments,
        started=start.t if start else None,
        warmup_ended=borders[0],
        steady=warmup.steady if warmup else None,
        warming=_warming(warmup),
        short=short,
        suspect=contradictions(
            start,
            warmup,
            reported[: measure.segments],
            evaluations,
            [event.loss for event in progress if event.loss is not None],
            configuration,
            recorded=recorded,
        ),
        flags=_flags(counted, start, warmup, measure),
        program_speeds=tuple(event.speed for event in progress if event.speed is not None),
        recorded=recorded,
        hindrance=_hindrance(events, warmup),
    )


def _reporting_rank(events: Sequence[Event]) -> int:
    """The lowest rank that reports segments; where none does, of those that have warmed up."""
    for kind in (Segment, WarmupEnd):
        ranks = {event.rank for event in events if isinstance(event, kind)}
        if ranks:
            return min(ranks)
    return 0


def _hindrance(events: Sequence[Event], warmup: WarmupEnd | None) -> str:
    """Why a program may have too few segments; our own programs, which say when they start, have none of these."""
    if any(isinstance(event, Start) for event in events):
        return ""
    if not any(isinstance(event, (Progress, WarmupEnd, Segment)) for event in events):
        return "the log reports no training"
    untimed = sum(isinstance(event, Evaluation) and event.seconds is None for event in events)
    if untimed:
        return f"{count_of(untimed, 'evaluation')} of unknown length, and what was trained around them is left out"
    return "" if warmup else "warm-up did not end"


def _until(events: Sequence[Event], counted: Sequence[Segment]) -> Iterator[Event]:
    """The events before the end of the last counted segment; none where there is none."""
    if not counted:
        return
    for event in events:
        if event is counted[-1]:
            return
        yield event


def _warming(warmup: WarmupEnd | None) -> bool:
    return warmup is not None and warmup.rise is not None and warmup.rise >= WARMING_DEGREES


def _flags(
    counted: Sequence[TimedSegment], start: Start | None, warmup: WarmupEnd | None, measure: Measure
) -> tuple[str, ...]:
    """What a reader should know of the window."""
    flags = []
    if any(segment.short for segment in counted):
        flags.append(f"short window: segments of {_least(counted)}")
    if not measure.steady:
        flags.append("short window: fixed warm-up")
    elif warmup is None:
        flags.append("the program did not report the end of its warm-up")
    elif warmup.steady is False:
        flags.append("warm-up ended before three segments agreed within 1 %")
    if warmup is not None and warmup.rise is not None and _warming(warmup):
        within = f"in the {WARMING_SECONDS:.0f} s before"
        flags.append(f"warm-up ended though a card's temperature rose {shown(warmup.rise)} degC {within}")
    if start is None or not start.precision_probe:
        flags.append("precision declared, not verified")
    if counted and all(segment.loss is None for segment in counted):
        flags.append("no loss reported with the segments")
    for segment in counted:
        if segment.seconds and segment.paused_seconds > PAUSED_SHARE * segment.seconds:
            flags.append(
                f"segment {segment.index} paused for {percent(segment.paused_seconds / segment.seconds)} of its time"
            )
    return tuple(flags)


def _least(counted: Sequence[TimedSegment]) -> str:
    """How long the segments are at the least, as in "50 steps and 5.2 s"."""
    steps = [segment.steps for segment in counted if segment.steps is not None]
    seconds = [segment.seconds for segment in counted if segment.seconds is not None]
    parts = [count_of(min(steps), "step")] if steps else []
    return " and ".join([*parts, f"{shown(min(seconds))} s"] if seconds else parts)
