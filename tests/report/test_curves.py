"""The figures of a scorecard show what its runs did."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest

from pytest_sixdim.core.scorecard import Scorecard
from pytest_sixdim.report.curves import figures
from pytest_sixdim.report.evidence import LONGEST_LINE, read_evidence
from pytest_sixdim.report.figure import Figure

from .html_tree import text_of, with_class
from .runs import write_lines
from .sessions import SessionFolder


def drawn(folder: SessionFolder, record: dict[str, Any]) -> dict[str, Figure]:
    card = Scorecard.from_json(record)
    return {figure.title: figure for figure in figures(card, read_evidence(folder.directory, card), "x")}


def picture(figure: Figure) -> ElementTree.Element:
    assert figure.svg is not None
    return ElementTree.fromstring(figure.svg)


def test_stability_shows_which_runs_are_off_and_which_have_no_value(folder: SessionFolder) -> None:
    runs = [folder.run(index, value=value) for index, value in ((1, 76.4), (2, 76.5), (3, 82.0))]
    runs.append(folder.run(4, status="crashed", message="boom", seconds=90.0))
    figure = drawn(folder, folder.scorecard(runs, planned=4))["Value at convergence of each full run, %"]
    read = picture(figure)
    assert [text_of(each).partition(":")[0] for each in with_class(read, "counted")] == ["full-1", "full-2"]
    assert [text_of(each).partition(":")[0] for each in with_class(read, "left-out")] == ["full-3"]
    assert figure.note == "Without a value: full-4 crashed."
    assert figure.legend[-1] == ("band", "band: less than 1.0 % away")


@pytest.mark.parametrize(("band", "half"), [({"amount": 0.01, "relative": True}, 0.76), ({"amount": 0.5}, 0.5)])
def test_the_band_around_the_median_is_relative_or_absolute(
    folder: SessionFolder, band: dict[str, Any], half: float
) -> None:
    record = folder.scorecard([folder.run(1)], planned=5)
    record["dimensions"]["stability"]["detail"] = {
        "base": 76.0,
        "band": band,
        "runs": [{"run": "full-1", "value": 76.0, "outcome": "inside"}, {"run": "b", "value": 78.0, "outcome": "off"}],
    }
    read = picture(drawn(folder, record)["Value at convergence of each full run, %"])
    dots = sorted(float(each.get("cy", "")) for each in read.iter("circle"))
    a_unit = (dots[1] - dots[0]) / 2.0
    (shaded,) = with_class(read, "band")
    assert float(shaded.get("height", "")) / a_unit == pytest.approx(2 * half, rel=0.01)


def test_losses_are_drawn_by_step_with_the_window_where_every_run_tells_its_steps(folder: SessionFolder) -> None:
    runs = [folder.run(1), folder.run(2)]
    record = folder.scorecard(runs, planned=5)
    shaded = with_class(picture(drawn(folder, record)["Training loss by step"]), "window")
    assert len(shaded) == 1
    events = runs[1].directory / "node-0" / "events.jsonl"
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    write_lines(events, [{name: value for name, value in line.items() if name != "step"} for line in lines])
    assert len(with_class(picture(drawn(folder, record)["Training loss"]), "window")) == 1


def test_the_target_stands_beside_the_evaluations(folder: SessionFolder) -> None:
    record = folder.scorecard([folder.run(1)], planned=5)
    assert len(with_class(picture(drawn(folder, record)["top1 at each evaluation, %"]), "target")) == 1
    record["metric"]["target"] = None
    assert with_class(picture(drawn(folder, record)["top1 at each evaluation, %"]), "target") == []


def test_a_window_run_is_shown_where_there_is_no_full_one(folder: SessionFolder) -> None:
    record = folder.scorecard([folder.run(1)], planned=5)
    record["runs"][0]["name"] = "window-1"
    assert "Power of the cards in window-1, W" in drawn(folder, record)


def test_a_dimension_that_was_not_asked_for_says_so(folder: SessionFolder) -> None:
    found = drawn(folder, folder.scorecard([folder.run(1)], asked=("power",)))
    assert found["Speed of the segments, samples/s"].note == "No segments to show: speed was not asked for."
    assert "Value at convergence of each full run, %" not in found


def test_runs_without_files_give_reasons_and_no_pictures(folder: SessionFolder) -> None:
    record = folder.scorecard([folder.run(1)], planned=5)
    record["runs"][0]["directory"] = "nowhere"
    found = drawn(folder, record)
    assert found["Training loss"].note == "No run reported a finite loss."
    assert found["top1 at each evaluation, %"].note == "No run reported an evaluation of top1."
    assert found["Power of the cards in full-1, W"].note == "–: the run left no readings."


def test_endless_lines_of_a_log_are_cut(folder: SessionFolder) -> None:
    record = folder.scorecard([folder.run(1, log_tail=["x" * 10_000, "short"])], planned=5)
    (run,) = read_evidence(folder.directory, Scorecard.from_json(record))
    assert [len(line) for line in run.log_tail] == [LONGEST_LINE, 5]
