"""The scores of a scorecard as a radar: one spoke a dimension, the baseline as a ring."""

from __future__ import annotations

import math
from collections.abc import Mapping

from markupsafe import Markup

from pytest_sixdim.core.scores import HIGHEST
from pytest_sixdim.report.svg import coordinates, element, label, line, picture
from pytest_sixdim.report.thinning import Point

WIDTH, HEIGHT = 340, 280
RADIUS = 96.0
CENTRE = (WIDTH / 2, HEIGHT / 2 + 4)
#: Fewer spokes enclose no area.
LEAST = 3
_RINGS = (0.25, 0.5, 0.75)
_OUTER = max(HIGHEST.values())


def radar(scores: Mapping[str, float], ident: str) -> Markup | None:
    """Drawn; None for fewer than three scores. `ident`: unique in the page."""
    if len(scores) < LEAST:
        return None
    spokes = list(scores)
    parts = [element("polygon", points=coordinates(_ring(len(spokes), ring)), class_="ring") for ring in _RINGS]
    parts.append(element("polygon", points=coordinates(_ring(len(spokes), _OUTER)), class_="ring"))
    parts += [line(CENTRE, _place(index, len(spokes), _OUTER), "grid") for index in range(len(spokes))]
    parts.append(element("polygon", points=coordinates(_ring(len(spokes), 1.0)), class_="baseline"))
    corners = [_place(index, len(spokes), scores[name]) for index, name in enumerate(spokes)]
    parts.append(element("polygon", points=coordinates(corners), class_="scores"))
    for index, name in enumerate(spokes):
        hint = element("title", f"{name}: {scores[name]:.3f}")
        parts.append(element("circle", hint, cx=corners[index][0], cy=corners[index][1], r=3.5, class_="corner"))
        parts += _named(name, scores[name], _place(index, len(spokes), _OUTER + 0.16))
    described = ", ".join(f"{name} {score:.2f}" for name, score in scores.items())
    return picture(WIDTH, HEIGHT, ident, "Scores beside the baseline", f"{described}; the baseline is 1", parts)


def _named(name: str, score: float, at: Point) -> list[Markup]:
    beside = at[0] - CENTRE[0]
    anchor = "middle" if abs(beside) < 1 else ("start" if beside > 0 else "end")
    y = at[1] - 4 if at[1] < CENTRE[1] else at[1] + 4
    return [label((at[0], y), name, anchor, "spoke"), label((at[0], y + 13), f"{score:.2f}", anchor, "score")]


def _ring(count: int, radius: float) -> list[Point]:
    return [_place(index, count, radius) for index in range(count)]


def _place(index: int, count: int, radius: float) -> Point:
    """The first spoke points up, the others follow clockwise; `radius` as a score."""
    angle = 2 * math.pi * index / count
    length = RADIUS * radius / _OUTER
    return CENTRE[0] + length * math.sin(angle), CENTRE[1] - length * math.cos(angle)
