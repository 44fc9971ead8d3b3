"""Pictures are well-formed, stay inside their frame, and show what they are told."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.report.dot_chart import Dot, DotChart
from pytest_sixdim.report.figure import Figure
from pytest_sixdim.report.line_chart import BOTTOM, LEFT, RIGHT, TOP, LineChart
from pytest_sixdim.report.radar import CENTRE, radar
from pytest_sixdim.report.svg import Axis, axis, element, round_step

from .html_tree import text_of, with_class

SIX = {"speed": 1.0, "accuracy": 1.0, "power": 0.5, "linearity": 1.25, "memory": 0.9, "stability": 0.0}


def picture(figure: Figure) -> ElementTree.Element:
    assert figure.svg is not None
    return ElementTree.fromstring(figure.svg)


def corners(polygon: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in polygon.get("points", "").split())]


def test_attributes_and_texts_are_escaped() -> None:
    drawn = element("text", '</text><script>"', "\x1b", class_='a" onload="x', x=1.25, id=None)
    read = ElementTree.fromstring(drawn)
    assert (read.text, read.attrib, len(read)) == ('</text><script>"␛', {"class": 'a" onload="x', "x": "1.2"}, 0)


@pytest.mark.parametrize(
    ("step", "rounded"), [(0.9, 1.0), (1.1, 2.0), (2.1, 2.5), (3.0, 5.0), (0.06, 0.1), (700, 1000)]
)
def test_steps_between_ticks_are_round(step: float, rounded: float) -> None:
    assert round_step(step) == pytest.approx(rounded)


@given(st.floats(-1e90, 1e90), st.floats(-1e90, 1e90))
def test_an_axis_holds_its_values_with_a_few_ticks(a: float, b: float) -> None:
    found = axis([a, b], 0.0, 100.0)
    assert 0 <= found.at(a) <= 100
    assert 0 <= found.at(b) <= 100
    assert all(-1e-6 <= found.at(tick) <= 100 + 1e-6 for tick in found.ticks(4))
    assert len(found.ticks(4)) <= 6


def test_an_axis_from_zero_begins_at_zero() -> None:
    assert axis([600.0, 700.0], 0.0, 1.0, zero=True).low == 0.0


def test_the_radar_has_a_corner_for_every_score_at_its_radius() -> None:
    drawn = radar(SIX, "r")
    assert drawn is not None
    read = ElementTree.fromstring(drawn)
    (scores,), (ring,) = with_class(read, "scores"), with_class(read, "baseline")
    unit = math.dist(corners(ring)[0], CENTRE)
    radii = [math.dist(corner, CENTRE) / unit for corner in corners(scores)]
    assert radii == pytest.approx(list(SIX.values()), abs=0.01)
    assert [text_of(each) for each in with_class(read, "spoke")] == list(SIX)


def test_a_radar_shows_only_what_has_a_score_and_needs_three() -> None:
    three = dict(list(SIX.items())[:3])
    drawn = radar(three, "r")
    assert drawn is not None
    assert len(with_class(ElementTree.fromstring(drawn), "spoke")) == 3
    assert radar(dict(list(SIX.items())[:2]), "r") is None


def test_a_picture_is_named_and_described() -> None:
    read = picture(LineChart("Loss", {"full-1": (((0.0, 2.0), (100.0, 1.0)),)}).figure("a"))
    named = {each.get("id"): each.text for each in read.iter() if each.get("id")}
    assert read.get("role") == "img"
    assert [named[ident] for ident in read.get("aria-labelledby", "").split()] == [
        "Loss",
        "1 run; 1 to 2 over 100 s",
    ]


def test_a_line_that_is_broken_is_drawn_in_pieces_within_the_frame() -> None:
    pieces = (((0.0, 5.0), (10.0, 7.0)), ((30.0, 6.0), (40.0, 9.0)), ((50.0, 1.0),))
    read = picture(LineChart("Power", {"card 0": pieces}, zero=True).figure("a"))
    lines = [corners(each) for each in read.iter("polyline")]
    assert [len(line) for line in lines] == [2, 2]
    assert len(list(read.iter("circle"))) == 1
    assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for line in lines for x, y in line)


@pytest.mark.parametrize(
    ("zero", "least", "labelled"), [(True, 600.0, True), (False, 600.0, False), (True, -5.0, True)]
)
def test_power_is_drawn_from_zero_and_a_loss_is_not(zero: bool, least: float, labelled: bool) -> None:
    read = picture(LineChart("a", {"a": (((0.0, least), (9.0, 700.0)),)}, zero=zero).figure("a"))
    lowest = max(float(each.get("y1", "")) for each in with_class(read, "grid"))
    assert ("0" in [text_of(each) for each in with_class(read, "label")]) == labelled
    assert (lowest == BOTTOM) == (zero and least > 0)


def test_the_window_is_shaded_where_it_was_and_adjacent_spans_are_one() -> None:
    window = ((20.0, 30.0), (30.0 + 1e-9, 40.0), (60.0, 80.0), (99.0, 500.0))
    read = picture(LineChart("Power", {"a": (((0.0, 1.0), (100.0, 1.0)),)}, window=window).figure("a"))
    across = Axis(0.0, 100.0, LEFT, RIGHT)
    shaded = [(float(each.get("x", "")), float(each.get("width", ""))) for each in with_class(read, "window")]
    expected = [(20, 40), (60, 80), (99, 100)]
    assert shaded == [
        pytest.approx((across.at(begin), across.at(end) - across.at(begin)), abs=0.1) for begin, end in expected
    ]


def test_a_target_and_a_lost_line_are_marked() -> None:
    lines = {"full-1": (((0.0, 1.0), (9.0, 2.0)),)}
    drawn = LineChart("top1", lines, target=(3.0, "target"), lost={"full-1": 9.5}, dots=True).figure("a")
    read = picture(drawn)
    assert len(with_class(read, "target")) == 1
    assert [text_of(each) for each in with_class(read, "lost")] == ["✕", "not finite"]
    assert [text_of(each) for each in read.iter("circle")] == ["full-1: 1 after 0 s", "full-1: 2 after 9 s"]
    assert drawn.legend == (("line-0", "full-1"), ("target", "target"))


@pytest.mark.parametrize(("seconds", "unit"), [(100.0, "s"), (1000.0, "min"), (90_000.0, "h")])
def test_times_are_told_in_a_unit_that_fits(seconds: float, unit: str) -> None:
    read = picture(LineChart("Loss", {"a": (((0.0, 1.0), (seconds, 2.0)),)}).figure("a"))
    assert any(text_of(each).endswith(f" {unit}") for each in with_class(read, "label"))


def test_steps_are_counted_and_not_timed() -> None:
    chart = LineChart("Loss", {"a": (((0.0, 1.0), (20_000.0, 2.0)),)}, steps=True, lost={"a": 20_000.0})
    read = picture(chart.figure("a"))
    labels = [text_of(each) for each in with_class(read, "label")]
    assert {"0", "5000", "20000"} <= set(labels)
    assert "1 run; 1 to 2 over 2e+04 steps" in "".join(read.itertext())


def test_more_lines_than_colours_are_one_kind() -> None:
    lines = {f"card {i}": (((0.0, float(i)), (1.0, float(i))),) for i in range(16)}
    drawn = LineChart("Power", lines, noun="cards").figure("a")
    assert drawn.legend == (("line-many", "16 cards"),)
    assert len(with_class(picture(drawn), "line-many")) == 16


def test_without_a_line_there_is_a_reason_and_no_picture() -> None:
    drawn = LineChart("Power", {"card 0": ()}, note="–: no sensor.").figure("a")
    assert (drawn.svg, drawn.note) == (None, "–: no sensor.")


@pytest.mark.parametrize("point", [(0.0, 0.0), (5.0, -3.0), (0.0, 1e99), (-4.0, 1e-99)])
def test_a_single_reading_can_be_drawn(point: tuple[float, float]) -> None:
    drawn = LineChart("Loss", {"a": ((point,),)}).figure("a")
    numbers = [float(each.get(name, "")) for each in picture(drawn).iter("circle") for name in ("cx", "cy")]
    assert all(math.isfinite(number) for number in numbers)
    assert len(numbers) == 2


def test_dots_tell_what_counts_from_what_does_not() -> None:
    dots = [Dot("1", 10.0, False, "lowest"), Dot("2", 11.0), Dot("3", 12.0), Dot("4", 13.0, False, "highest")]
    drawn = DotChart("Speed", dots, (11.5, "mean"), (11.4, 11.6, "band"), ("kept", "dropped")).figure("a")
    read = picture(drawn)
    heights = [float(each.get("cy", "")) for each in read.iter("circle")]
    assert heights == sorted(heights, reverse=True)
    assert (len(with_class(read, "counted")), len(with_class(read, "left-out"))) == (2, 2)
    assert drawn.legend == (("counted", "kept"), ("left-out", "dropped"), ("middle", "mean"), ("band", "band"))


def test_many_dots_do_not_crowd_their_names() -> None:
    dots = [Dot(f"full-{i}", 1.0 + i) for i in range(20)]
    drawn = DotChart("Value", dots, (10.0, "median"), (9.0, 11.0, "band"), ("inside", "off")).figure("a")
    names = [text_of(each) for each in with_class(picture(drawn), "label") if text_of(each).startswith("full-")]
    assert names == ["full-0", "full-3", "full-6", "full-9", "full-12", "full-15", "full-18"]
