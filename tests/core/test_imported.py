"""Figures whose runs were read from logs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_sixdim.core.events import Evaluation, Segment
from pytest_sixdim.core.imported import under_import
from pytest_sixdim.core.records import RunRecord, RunResult
from pytest_sixdim.core.results import Measured


def run(index: int = 1, seed: int | None = 1, **told: Any) -> RunRecord:
    order = {"imported": {"format": "mllog", "card": "h200-sxm", **told}} if told.pop("logged", True) else {}
    return RunRecord("full", index, seed, RunResult("completed", "program"), (), (), order, Path())


def test_a_figure_of_runs_that_were_made_here_stays_as_it_is() -> None:
    measured = Measured("W", 300.0, flags=("a flag",))
    assert under_import(measured, "power", [run(logged=False)]) is measured


def test_a_figure_of_a_log_is_flagged_and_stands() -> None:
    measured = under_import(Measured("W", 300.0, flags=("a flag",)), "power", [run(notes={"power": ["a note"]})])
    assert (measured.value, measured.flags) == (300.0, ("imported", "a note", "a flag"))


def test_what_is_unknown_says_that_it_was_imported_and_why() -> None:
    reading = {"mean": 165.6, "unit": "W", "readings": 5}
    told = run(unavailable={"power": "readings without times"}, undated={"power": reading})
    measured = under_import(Measured("W", unknown="no sensor: x"), "power", [told])
    assert measured.unknown == "imported: readings without times"
    assert measured.detail["undated"] == reading
    assert (
        under_import(Measured("W", unknown="too few readings"), "power", [run()]).unknown
        == "imported: too few readings"
    )


def test_a_failure_stays_one() -> None:
    measured = under_import(Measured("W", failed="full-1 diverged"), "power", [run(unavailable={"power": "x"})])
    assert (measured.failed, measured.unknown) == ("full-1 diverged", None)


def test_a_card_that_nobody_names_is_said_where_baselines_would_judge() -> None:
    unknown = run(card=None)
    assert any("(--card)" in flag for flag in under_import(Measured("W", 300.0), "power", [unknown]).flags)
    assert under_import(Measured("%", 76.0), "accuracy", [unknown]).flags == ("imported",)


def test_seeds_of_stability_must_differ_and_be_known() -> None:
    runs = [run(1, 7), run(2, None), run(3, 7)]
    measured = under_import(Measured("", 1.0), "stability", runs)
    assert measured.suspect == ("full-1 and full-3 have the same seed, 7",)
    assert "imported: 1 log of 3 does not say the seed" in measured.flags
    assert under_import(Measured("", 1.0), "stability", [run(1, 1), run(2, 2)]).suspect == ()


def timed(index: int, *stamps: float) -> RunRecord:
    events = tuple(Evaluation(t=t, seen=0.0, value=float(t)) for t in stamps)
    return replace(run(index, index), events=events)


def test_runs_whose_reports_came_at_the_same_times_are_one() -> None:
    def doubts(one: RunRecord, two: RunRecord) -> tuple[str, ...]:
        return under_import(Measured("", 1.0), "stability", [one, two]).suspect

    said = ("full-1 and full-2 agree in 2 of 3 times: they seem to be one run",)
    assert doubts(timed(1, 100.125, 200.25, 300.5), timed(2, 100.125, 200.25, 301.5)) == said
    assert doubts(timed(1, 100.125, 200.25, 300.5), timed(2, 100.125, 201.25, 301.5)) == ()
    # Of whole seconds two may agree by chance.
    assert doubts(timed(1, 100.0, 200.0, 300.0), timed(2, 100.0, 200.0, 301.0)) == ()
    assert doubts(timed(1, 0.0, 0.0), timed(2, 0.0, 0.0)) == ()


def test_runs_without_stamps_that_took_exactly_as_long_are_one() -> None:
    speeds = (4910.795658460139, 4980.222383258538, 5032.905842259754)
    segments = tuple(
        Segment(t=0.0, seen=0.0, index=index, rated=speed, rated_as="compute") for index, speed in enumerate(speeds, 1)
    )
    runs = [replace(run(index, index), events=segments) for index in (1, 2)]
    (said,) = under_import(Measured("", 1.0), "stability", runs).suspect
    assert said == "full-1 and full-2 agree in 3 of 3 times: they seem to be one run"


def test_a_log_of_another_batch_size_is_not_of_the_configuration() -> None:
    told = run(contradictions=["a.txt says a global batch of 128, the configuration has 64"])
    assert under_import(Measured("W", 300.0), "power", [told]).suspect == (
        "a.txt says a global batch of 128, the configuration has 64",
    )
