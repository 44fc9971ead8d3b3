"""Values over the seconds since a run's launch, or over its training steps, with the window shaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from pytest_sixdim.core.spans import Span
from pytest_sixdim.report.figure import Figure
from pytest_sixdim.report.svg import Axis, axis, element, label, line, picture, polyline
from pytest_sixdim.report.thinning import Pieces

WIDTH, HEIGHT = 400, 210
LEFT, RIGHT, TOP, BOTTOM = 48, 392, 12, 186
#: More lines than this can't be told apart by their colours.
COLOURS = 8
STEPS = "steps"
#: Unit of the time axis: seconds in it, and the longest time that it is used for, in s.
_TIMES = ((1.0, "s", 180.0), (60.0, "min", 3 * 3600.0), (3600.0, "h", float("inf")))


@dataclass(frozen=True)
class LineChart:
    """Values over time or steps.

    Attributes:
        title: what is shown, with its unit.
        lines: by name, x in s or steps.
        steps: whether x counts steps.
        zero: whether the value axis begins at 0.
        window: when the counted segments trained, as x.
        target: a value to compare with, and its name.
        lost: at which x a line's value was not finite, by the line's name.
        dots: draw the points too.
        noun: what a line stands for, where there are too many to name ("cards").
        note: what should be known beside the picture.
    """

    title: str
    lines: Mapping[str, Pieces]
    steps: bool = False
    zero: bool = False
    window: tuple[Span, ...] = ()
    target: tuple[float, str] | None = None
    lost: Mapping[str, float] = field(default_factory=dict)
    dots: bool = False
    noun: str = "runs"
    note: str | None = None

    def figure(self, ident: str) -> Figure:
        """Drawn. `ident`: unique in the page."""
        points = [point for pieces in self.lines.values() for piece in pieces for point in piece]
        if not points:
            return Figure(self.title, note=self.note)
        places = [x for x, _ in points] + list(self.lost.values())
        first, last = min(0.0, *places), max(0.0, *places)
        across = Axis(first, last if last > first else 1.0, LEFT, RIGHT)
        values = [y for _, y in points] + ([self.target[0]] if self.target else [])
        up = axis(values, BOTTOM, TOP, zero=self.zero and min(values) >= 0)
        divisor, unit = _unit(across.high, self.steps)
        parts = [*self._window(across), *grid(up), *_ticks(across, divisor, unit)]
        parts += self._target(up)
        for index, (name, pieces) in enumerate(self.lines.items()):
            parts += self._line(self._class(index), name, pieces, across, up)
        described = f"{len(self.lines)} {self.noun if len(self.lines) > 1 else self.noun.removesuffix('s')}; "
        described += f"{min(y for _, y in points):.4g} to {max(y for _, y in points):.4g} "
        described += f"over {max(places) / divisor:.3g} {unit}"
        svg = picture(WIDTH, HEIGHT, ident, self.title, described, parts)
        return Figure(self.title, svg, self._legend(), self.note)

    def _class(self, index: int) -> str:
        return f"line-{index}" if len(self.lines) <= COLOURS else "line-many"

    def _legend(self) -> tuple[tuple[str, str], ...]:
        if len(self.lines) > COLOURS:
            named = [("line-many", f"{len(self.lines)} {self.noun}")]
        else:
            named = [(self._class(index), name) for index, name in enumerate(self.lines)]
        named += [("target", self.target[1])] if self.target else []
        named += [("window", "window: what is measured")] if self.window else []
        return tuple(named)

    def _window(self, across: Axis) -> list[Markup]:
        """Spans that are too close to be told apart are drawn as one."""
        drawn: list[Span] = []
        for begin, end in self.window:
            left, right = across.at(max(begin, across.low)), across.at(min(end, across.high))
            if right < left:
                continue
            if drawn and left - drawn[-1][1] < 1:
                drawn[-1] = (drawn[-1][0], right)
            else:
                drawn.append((left, right))
        return [
            element("rect", x=left, y=TOP, width=max(right - left, 0.5), height=BOTTOM - TOP, class_="window")
            for left, right in drawn
        ]

    def _target(self, up: Axis) -> list[Markup]:
        if self.target is None:
            return []
        y = up.at(self.target[0])
        return [line((LEFT, y), (RIGHT, y), "target")]

    def _line(self, class_: str, name: str, pieces: Pieces, across: Axis, up: Axis) -> list[Markup]:
        drawn = [polyline([(across.at(x), up.at(y)) for x, y in piece], class_) for piece in pieces]
        for x, y in [point for piece in pieces for point in piece] if self.dots else []:
            hint = element("title", f"{name}: {y:.5g} after {x:.6g} {STEPS if self.steps else 's'}")
            drawn.append(element("circle", hint, cx=across.at(x), cy=up.at(y), r=2.6, class_=f"{class_} dot"))
        if name in self.lost:
            x = across.at(self.lost[name])
            drawn.append(label((x, TOP + 10), "✕", "middle", "lost"))
            drawn.append(label((x - 8, TOP + 10), "not finite", "end", "lost"))
        return drawn


def grid(up: Axis, left: float = LEFT, right: float = RIGHT) -> list[Markup]:
    """Horizontal lines at round values, with their labels."""
    drawn = []
    for tick in up.ticks(4):
        drawn.append(line((left, up.at(tick)), (right, up.at(tick)), "grid"))
        drawn.append(label((left - 6, up.at(tick) + 4), f"{tick:.6g}", "end"))
    return drawn


def _unit(longest: float, steps: bool) -> tuple[float, str]:
    """What x is divided by, and the name of what comes out."""
    if steps:
        return 1.0, STEPS
    return next((seconds, name) for seconds, name, most in _TIMES if longest <= most)


def _ticks(across: Axis, divisor: float, unit: str) -> list[Markup]:
    scaled = Axis(across.low / divisor, across.high / divisor, across.start, across.stop)
    ticks = scaled.ticks(5)
    drawn = [line((LEFT, BOTTOM), (RIGHT, BOTTOM), "axis")]
    for tick in ticks:
        anchor = "end" if scaled.at(tick) > RIGHT - 16 else "middle"
        named = f"{tick:.6g}" if unit == STEPS else f"{tick:.6g} {unit}"
        drawn.append(label((scaled.at(tick), BOTTOM + 16), named, anchor))
    return drawn
