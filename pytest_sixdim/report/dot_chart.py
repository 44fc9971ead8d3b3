"""Some values side by side, such as the speeds of five segments, on an axis that shows how far they lie apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pytest_sixdim.report.figure import Figure
from pytest_sixdim.report.line_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, grid
from pytest_sixdim.report.svg import Axis, axis, element, label, line, picture

#: Names that fit below the axis.
_LABELS = 8


@dataclass(frozen=True)
class Dot:
    """One value; `counted`: whether it is part of the figure; `remark`: short, drawn beside the dot."""

    name: str
    value: float
    counted: bool = True
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.value:.6g}" + (f" ({self.remark})" if self.remark else "")


@dataclass(frozen=True)
class DotChart:
    """Values beside their middle.

    Attributes:
        title: what is shown, with its unit.
        middle: the value drawn as a line, and what it is.
        band: from, to, and what the band is.
        names: what a filled and a hollow dot are.
    """

    title: str
    dots: Sequence[Dot]
    middle: tuple[float, str]
    band: tuple[float, float, str]
    names: tuple[str, str]
    note: str | None = None

    def figure(self, ident: str) -> Figure:
        """Drawn. `ident`: unique in the page."""
        low, high, band = self.band
        up = axis([*(dot.value for dot in self.dots), self.middle[0], low, high], BOTTOM, TOP, share=0.14)
        top, bottom = up.at(high), up.at(low)
        parts = [element("rect", x=LEFT, y=top, width=RIGHT - LEFT, height=bottom - top, class_="band")]
        parts += grid(up)
        parts.append(line((LEFT, up.at(self.middle[0])), (RIGHT, up.at(self.middle[0])), "middle"))
        across = Axis(-0.5, len(self.dots) - 0.5, LEFT, RIGHT)
        every = math.ceil(len(self.dots) / _LABELS)
        for index, dot in enumerate(self.dots):
            parts += _drawn(dot, across.at(index), up, self.middle[0], named=index % every == 0)
        parts.append(line((LEFT, BOTTOM), (RIGHT, BOTTOM), "axis"))
        described = ", ".join(map(str, self.dots))
        legend = [("counted", self.names[0])]
        legend += [("left-out", self.names[1])] if not all(dot.counted for dot in self.dots) else []
        legend += [("middle", self.middle[1]), ("band", band)]
        svg = picture(WIDTH, HEIGHT, ident, self.title, f"{described}; {self.middle[1]} {self.middle[0]:.6g}", parts)
        return Figure(self.title, svg, tuple(legend), self.note)


def _drawn(dot: Dot, x: float, up: Axis, middle: float, named: bool) -> list[Markup]:
    """A dot with its remark on the side that is away from the middle."""
    y = up.at(dot.value)
    hint = element("title", str(dot))
    drawn = [element("circle", hint, cx=x, cy=y, r=5.5, class_="counted" if dot.counted else "left-out")]
    if named:
        drawn.append(label((x, BOTTOM + 16), dot.name, "middle"))
    if dot.remark:
        drawn.append(label((x, y + (19 if dot.value < middle else -11)), dot.remark, "middle"))
    return drawn
