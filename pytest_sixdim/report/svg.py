"""Just enough SVG: elements whose attributes and texts are escaped, and axes with round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from pytest_sixdim.core.visible import visible
from pytest_sixdim.report.thinning import Point

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """An element. Names as Python allows them: `class_`, `stroke_width`; numbers to a tenth; None leaves one out.

    A child that is not Markup is text.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_escaped(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(map(_escaped, children))
    return Markup(f"<{tag}{given}>{inner}</{tag}>")  # noqa: S704 - every part is escaped above


def _escaped(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1f}"
    return str(value if isinstance(value, Markup) else escape(visible(value)))


def picture(width: int, height: int, ident: str, title: str, description: str, parts: Iterable[Markup]) -> Markup:
    """An <svg> that scales with the page, read aloud as its title and description. `ident`: unique in the page."""
    return element(
        "svg",
        element("title", title, id=f"{ident}-title"),
        element("desc", description, id=f"{ident}-desc"),
        *parts,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{ident}-title {ident}-desc",
    )


def line(a: Point, b: Point, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=a[0], y1=a[1], x2=b[0], y2=b[1], class_=class_)


def polyline(points: Sequence[Point], class_: str) -> Markup:
    """A line through the points; a single point is a dot."""
    if len(points) == 1:
        return element("circle", cx=points[0][0], cy=points[0][1], r=2, class_=f"{class_} dot")
    return element("polyline", points=coordinates(points), class_=class_)


def coordinates(points: Iterable[Point]) -> str:
    """As the attribute `points` has them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def label(at: Point, text: str, anchor: str = "start", class_: str = "label") -> Markup:
    """A text; `anchor`: start, middle or end."""
    return element("text", text, x=at[0], y=at[1], text_anchor=anchor, class_=class_)


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` drawn from `start` to `stop`."""

    low: float
    high: float
    start: float
    stop: float

    def at(self, value: float) -> float:
        """Where a value stands."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def ticks(self, wanted: int) -> list[float]:
        """Round values on the axis, about so many."""
        step = round_step((self.high - self.low) / wanted)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def round_step(step: float) -> float:
    """The next larger of 1, 2, 2.5 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((factor * power for factor in _STEPS if factor * power >= step * (1 - 1e-9)), 10 * power)


def axis(values: Iterable[float], start: float, stop: float, *, zero: bool = False, share: float = 0.05) -> Axis:
    """An axis that holds all values with some room beyond them; `zero`: from 0; `share`: the room, of the range."""
    known = list(values) or [0.0]
    low, high = min(known), max(known)
    low = min(0.0, low) if zero else low
    room = (high - low) * share or abs(high) * share or 1.0
    return Axis(low if zero else low - room, high + room, start, stop)
