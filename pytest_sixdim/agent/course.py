"""How far a run has come, and whether training went astray: what its events say (docs/method.md, section 2)."""

from __future__ import annotations

from pytest_sixdim.core.events import End, Evaluation, Event, Progress, Segment, WarmupEnd

#: As many reports of a loss in a row that is not finite, or of a metric, mean divergence. One loss is normal under
#: fp16 loss scaling.
LOSSES, METRICS = 3, 2
#: Metrics that are followed at once while they are not finite.
MOST_METRICS = 1000


class Course:
    """Takes note of events.

    Attributes:
        trained: whether anything of training was reported: before, the ranks were still starting.
        timed: whether segments are being timed: warm-up is over.
        window_complete: when the agent saw the last counted segment (monotonic s); None before.
        end: the program's own end; None before.
        diverged: in what way training went astray; None while it has not.
    """

    def __init__(self, segments: int) -> None:
        self.trained = self.timed = False
        self.window_complete: float | None = None
        self.end: End | None = None
        self.diverged: str | None = None
        self._missing = set(range(1, segments + 1))
        self._lost_losses: dict[int, int] = {}  # in a row, of each rank
        self._lost_metrics: dict[tuple[int, str | None], int] = {}  # in a row, of each rank and metric

    def take(self, event: Event) -> None:
        """Take note of the next event."""
        self.trained = self.trained or isinstance(event, (WarmupEnd, Segment, Progress, Evaluation))
        if isinstance(event, (WarmupEnd, Segment)):
            self.timed = True
        if isinstance(event, Segment):
            self._missing.discard(event.index)
            if not self._missing and self.window_complete is None:
                self.window_complete = event.seen
        if isinstance(event, (Progress, Segment)):
            self._take_loss(event)
        elif isinstance(event, Evaluation):
            self._take_metric(event)
        elif isinstance(event, End) and self.end is None:
            self.end = event

    @property
    def last_metric_lost(self) -> bool:
        """Whether the last evaluation of some metric was not finite."""
        return any(self._lost_metrics.values())

    def _take_loss(self, event: Progress | Segment) -> None:
        if isinstance(event, Progress) and event.skipped:
            return
        if event.diverged:
            count = self._lost_losses[event.rank] = self._lost_losses.get(event.rank, 0) + 1
            if count >= LOSSES and self.diverged is None:
                self.diverged = f"the loss was not finite in {LOSSES} reports in a row{_step(event)}"
        elif event.loss is not None:
            self._lost_losses[event.rank] = 0

    def _take_metric(self, event: Evaluation) -> None:
        key = (event.rank, event.metric)
        lost = self._lost_metrics.pop(key, 0) + 1 if event.value is None else 0
        if lost == 0:
            self._lost_metrics.pop(key, None)
        elif len(self._lost_metrics) < MOST_METRICS:
            self._lost_metrics[key] = lost
        if lost >= METRICS and self.diverged is None:
            name = event.metric or "the metric"
            self.diverged = f"{name} was not finite in {METRICS} evaluations in a row{_step(event)}"


def _step(event: Event) -> str:
    step = getattr(event, "step", None)
    return "" if step is None else f", the last at step {step}"
