"""The project's own dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_sixdim.core.events import EventError, Progress, Segment, Start
from pytest_sixdim.core.registry import RegistryError
from pytest_sixdim.dialects import DIALECTS, make_dialect
from pytest_sixdim.dialects.sixdim import SixdimDialect


def read(line: str) -> list[Any]:
    return list(SixdimDialect().read(line, seen=7.0, rank=2))


def test_a_line_becomes_an_event_with_the_agents_stamp() -> None:
    assert read('[sixdim] {"event": "progress", "step": 3, "loss": 0.5}') == [
        Progress(t=7.0, seen=7.0, rank=2, step=3, loss=0.5)
    ]


def test_the_programs_own_stamp_is_kept_beside_the_agents() -> None:
    assert read('[sixdim] {"event": "progress", "t": 6.5}') == [Progress(t=6.5, seen=7.0, rank=2)]


@pytest.mark.parametrize("t", [1.8e9, 1.8e12])
def test_a_stamp_of_the_time_of_day_is_read_and_left_to_be_judged(t: float) -> None:
    assert read(f'[sixdim] {{"event": "progress", "t": {t}}}') == [Progress(t=t, seen=7.0, rank=2)]


def test_what_the_agent_knows_better_is_not_taken_from_the_program() -> None:
    assert read('[sixdim] {"event": "progress", "seen": 1, "rank": 9, "late": 9, "diverged": true}') == [
        Progress(t=7.0, seen=7.0, rank=2)
    ]


@pytest.mark.parametrize("line", ["", "step 5", "[sixdim]", "[sixdim] hello", '{"event": "end"}', "sixdim {"])
def test_other_lines_say_nothing(line: str) -> None:
    assert read(line) == []


def test_events_are_found_anywhere_in_a_line() -> None:
    line = 'x 50%|##  | [sixdim] {"event": "progress", "step": 1}[sixdim] {"event": "progress", "step": 2} and more'
    assert [event.step for event in read(line)] == [1, 2]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_number_that_is_not_finite_is_none(number: str) -> None:
    assert read(f'[sixdim] {{"event": "progress", "loss": {number}}}') == [
        Progress(t=7.0, seen=7.0, rank=2, diverged=True)
    ]
    assert read(f'[sixdim] {{"event": "progress", "speed": {number}}}') == [Progress(t=7.0, seen=7.0, rank=2)]


def test_numbers_within_objects_are_finite_too() -> None:
    line = '[sixdim] {"event": "start", "role": "full", "world_size": 1, "data": "real", "versions": {"x": [NaN, 1]}}'
    assert read(line) == [
        Start(t=7.0, seen=7.0, rank=2, role="full", world_size=1, data="real", versions={"x": [None, 1]})
    ]


START = {"event": "start", "role": "full", "world_size": 1, "data": "real"}
SEGMENT = {"event": "segment", "index": 1, "samples": 64, "seconds": 1.0, "steps": 2}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"event": "segment"', "no JSON object"),
        ("{", "no JSON object"),
        ('{"event": "sgment"}', "unknown event 'sgment'; known: start,"),
        ('{"event": ["segment"]}', "unknown event ['segment']"),
        ("{}", "unknown event None"),
        (json.dumps({**SEGMENT, "samples": None}), "'samples' must be int"),
        (json.dumps({**SEGMENT, "seconds": float("nan")}), "'seconds' must be float"),
        (json.dumps({**SEGMENT, "index": 1.5}), "'index' must be int"),
        (json.dumps({**SEGMENT, "index": True}), "'index' must be int"),
        (json.dumps({**SEGMENT, "t": float("inf")}), "'t' must be a finite number"),
        (json.dumps({**SEGMENT, "t": "now"}), "'t' must be a finite number"),
        ('{"event": "segment", "index": 1' + "0" * 400 + "}", "'index' must be int"),
        ('{"event": "end", "status": "done"}', "status 'done'; allowed: success, target_missed, failed"),
        ('{"x": ' * 5000, "nested too deeply"),
        (json.dumps({**SEGMENT, "samples": 2**63}), "'samples' must be int"),
        (json.dumps({"event": "end", "status": "x" * 2000}), "a text of 2000 characters; at most 1000 are read"),
        (json.dumps({**START, "versions": [[[[[[[[[[1]]]]]]]]]]}), "must be dict"),
        (json.dumps({**START, "versions": {"a": [[[[[[[[[1]]]]]]]]]}}), "nested more than 8 levels deep"),
    ],
)
def test_a_line_that_claims_to_be_an_event_and_is_not_is_an_error(text: str, error: str) -> None:
    with pytest.raises(EventError) as raised:
        read("[sixdim] " + text)
    assert error in str(raised.value)


def test_events_before_a_broken_one_are_read() -> None:
    events = iter(SixdimDialect().read(f"[sixdim] {json.dumps(SEGMENT)} [sixdim] {{", seen=7.0, rank=0))
    assert isinstance(next(events), Segment)
    with pytest.raises(EventError):
        next(events)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for line in (text, "[sixdim] {" + text, '[sixdim] {"event": "progress", "loss": ' + text + "}"):
        try:
            assert all(event.kind for event in read(line))
        except EventError:
            continue


def test_dialects_are_made_by_name() -> None:
    assert isinstance(make_dialect("sixdim", {}), SixdimDialect)
    assert set(DIALECTS) >= {"sixdim"}


def test_an_unknown_dialect_names_the_closest_and_all_known() -> None:
    with pytest.raises(RegistryError, match=r"unknown dialect 'sixdm'; did you mean 'sixdim'\? known: .*sixdim"):
        make_dialect("sixdm", {})


def test_texts_of_an_event_are_visible_and_can_be_written() -> None:
    (start,) = read(
        "[sixdim] " + json.dumps({**START, "generator": "a\x1b[2J\u202e\ud800", "versions": {"\x07": "\x07"}})
    )
    assert isinstance(start, Start)
    assert (start.generator, start.versions) == ("a␛[2J⟨U+202E⟩⟨U+D800⟩", {"␇": "␇"})


def test_numbers_too_large_for_sums_count_as_not_finite() -> None:
    (progress,) = read('[sixdim] {"event": "progress", "loss": 1e101, "speed": -1e101}')
    assert progress == Progress(t=7.0, seen=7.0, rank=2, diverged=True)
