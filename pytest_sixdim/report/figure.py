"""What a page shows as a figure: a picture, its heading, what its lines mean."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """A picture in the page.

    Attributes:
        title: the heading.
        svg: the picture; None where there is nothing to draw, `note` then says why.
        legend: class of the line and what it stands for.
        note: what should be known beside the picture.
    """

    title: str
    svg: Markup | None = None
    legend: tuple[tuple[str, str], ...] = ()
    note: str | None = None
