"""Events that are not kept are said where they could matter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_sixdim.core.dimensions import DIMENSIONS, Dimension
from pytest_sixdim.core.left_out import lost, thinned
from pytest_sixdim.core.records import RunRecord, RunResult

RUN = RunRecord("full", 1, 1, RunResult("completed", "program"), (), (), {}, Path("full-1"))


def with_events(**events: dict[str, int]) -> RunRecord:
    return replace(RUN, result=replace(RUN.result, events=events))


def test_nothing_is_said_where_everything_was_kept_and_of_signs_of_life() -> None:
    for run in (RUN, with_events(thinned={"progress": 5_000_000, "malformed": 3})):
        assert lost(run) == []
        assert [flag for dimension in DIMENSIONS for flag in thinned(dimension, run)] == []


@pytest.mark.parametrize(
    ("kind", "dimensions"),
    [("segment", {"speed", "power", "memory", "linearity"}), ("evaluation", {"accuracy", "stability"})],
)
def test_a_dimension_is_flagged_whose_events_were_thinned(kind: str, dimensions: set[Dimension]) -> None:
    run = with_events(thinned={kind: 7})
    said = {dimension: thinned(dimension, run) for dimension in DIMENSIONS}
    assert {dimension for dimension, flags in said.items() if flags} == dimensions
    flag = f"full-1 reported more than is kept: 7 {kind} events left out"
    assert all(flags in ([], [flag]) for flags in said.values())
    assert lost(run) == []


def test_events_that_may_have_mattered_are_a_reason_to_believe_nothing() -> None:
    run = with_events(lost={"evaluation": 1, "segment": 20})
    assert lost(run) == ["full-1 reported more than is kept: 1 evaluation event, 20 segment events left out"]
    assert lost(with_events(unread={"files": 1})) == ["full-1 wrote more log files than are read at once"]
    assert lost(with_events(unread={"bytes": 3 * 2**20})) == ["full-1 printed more than could be read: 3 MiB were not"]
