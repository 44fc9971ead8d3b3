"""Programs that say less than ours do, and what they say of their own speed."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_sixdim.core.case import Measure
from pytest_sixdim.core.events import Event, Segment
from pytest_sixdim.core.results import Measured, nature
from pytest_sixdim.core.speed import is_self_reported, measure_speed, speed_of_kind

from .builders import BORDER, at, evaluation, events, progress, segment, warmup_end, window

#: DeepSpark six_dimension_howto, ResNet-50, epochs 6 to 10.
PUBLISHED = [4910.795658460139, 4980.222383258538, 5032.905842259754, 4925.753353494863, 4845.4628560647725]


def rated(figure: float, kind: str = "train", **fields: Any) -> list[Segment]:
    """Five segments of 1280 samples/s that rate themselves."""
    return [segment(i, rated=figure, rated_as=kind, **fields) for i in range(1, 6)]


def measured(segments: list[Segment], *, recorded: bool = False) -> Measured:
    return measure_speed(window(events(*segments), recorded=recorded), cards=8)


def unstamped(**fields: Any) -> list[Segment]:
    return [segment(i, **{**at(0.0), "seconds": None, **fields}) for i in range(1, 6)]


def test_the_published_speeds_are_the_programs_own() -> None:
    said = [
        segment(i, **at(0.0), samples=1281167, seconds=None, steps=None, rated=speed, rated_as="compute")
        for i, speed in enumerate(PUBLISHED, 1)
    ]
    found = measure_speed(window(said, recorded=True), cards=8)
    assert found.value == pytest.approx(4938.9237984, abs=5e-8)
    assert found.detail["kind"] == "compute"
    assert found.detail["kinds"] == {"compute": found.value, "train": None, "whole": None}
    assert (found.detail["segments"], found.detail["self_reported"]) == (PUBLISHED, True)
    assert "self-reported, not cross-checked" in found.flags
    assert found.suspect == ()
    assert speed_of_kind(found, "train") is None
    assert speed_of_kind(found, "compute") == found.value


def test_a_program_that_counts_no_samples_is_believed_its_own_speed() -> None:
    found = measured(rated(1300.0, samples=None))
    assert (found.value, found.detail["kind"], found.detail["self_reported"]) == (1300.0, "train", True)
    assert found.detail["window_seconds"] == 50.0
    assert "self-reported, not cross-checked" in found.flags


@pytest.mark.parametrize(
    ("missing", "recorded", "reason"),
    [
        (
            {"samples": None},
            False,
            "the log has no count of samples, and no speed of the program's own for every segment",
        ),
        ({"seconds": None}, True, "the log has no time stamps, and no speed of the program's own for every segment"),
        (
            {"seconds": None, "samples": None},
            True,
            "the log has no time stamps, no count of samples, and no speed of the program's own for every segment",
        ),
    ],
)
def test_without_either_the_reason_says_what_is_missing(missing: dict[str, Any], recorded: bool, reason: str) -> None:
    said = [*rated(1300.0, **missing)[:4], segment(5, **missing)]
    found = measured(said, recorded=recorded)
    assert (found.value, found.unknown) == (None, reason)


def test_a_run_that_was_watched_has_times_where_its_segments_have_none() -> None:
    said = [segment(i, seconds=None, **({"rated": 1.0, "rated_as": "train"} if i < 5 else {})) for i in range(1, 6)]
    found = measured(said)
    assert found.unknown == (
        "the log has evaluations of unknown length, and no speed of the program's own for every segment"
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ((), ": the log reports no training"),
        ((progress(BORDER, loss=1.0),), ": warm-up did not end"),
        (
            (progress(BORDER), warmup_end(), evaluation(BORDER + 1, 0.5, seconds=None)),
            ": 1 evaluation of unknown length, and what was trained around them is left out",
        ),
        ((warmup_end(rank=7), segment(1, rank=7)), ""),
    ],
)
def test_a_window_that_is_not_complete_says_why_where_the_log_tells(said: tuple[Event, ...], why: str) -> None:
    count = sum(isinstance(event, Segment) for event in said)
    assert measure_speed(window(said), cards=8).unknown == f"{count} of 5 segments were completed{why}"


def test_a_rank_that_has_warmed_up_is_the_one_that_counts() -> None:
    assert window([warmup_end(rank=7)]).warmup_ended == BORDER


def test_speeds_of_two_kinds_in_one_window_are_none() -> None:
    said = [*rated(1300.0, samples=None)[:4], segment(5, samples=None, rated=1300.0, rated_as="whole")]
    assert measured(said).value is None


def test_a_compute_speed_stands_beside_the_timed_one() -> None:
    found = measured(rated(1400.0, "compute"))
    assert (found.value, found.detail["kind"]) == (1280.0, "train")
    assert found.detail["kinds"] == {"compute": 1400.0, "train": 1280.0, "whole": 1280.0}
    assert not any("itself" in flag for flag in found.flags)


def test_the_kinds_that_nobody_timed_are_told_from_those_that_were() -> None:
    found = measured(rated(1400.0, "compute"))
    assert [is_self_reported(found, kind) for kind in ("compute", "train", "whole")] == [True, False, False]
    assert not is_self_reported(measured(rated(1400.0, "compute", loader_seconds=2.0)), "compute")
    assert is_self_reported(measured(rated(1300.0, samples=None)), "train")


def test_what_was_timed_comes_before_what_the_program_says() -> None:
    found = measured(rated(1700.0, "compute", loader_seconds=2.0))
    assert found.detail["kinds"]["compute"] == 1600.0
    assert "the program itself reports 1700 samples/s (compute), 1600 were timed" in found.flags
    assert measured(rated(1100.0, "whole")).detail["kinds"]["whole"] == 1280.0


@pytest.mark.parametrize(
    ("kind", "own", "flagged"),
    [
        ("train", 1343.0, False), ("train", 1345.0, True), ("train", 1217.0, False), ("train", 1215.0, True),
        ("compute", 2559.0, False), ("compute", 1217.0, False), ("compute", 1215.0, True),
        ("whole", 1343.0, False), ("whole", 1345.0, True), ("whole", 1215.0, True),
    ],
)  # fmt: skip
def test_a_program_that_rates_itself_otherwise_than_its_kind_allows_is_flagged(
    kind: str, own: float, flagged: bool
) -> None:
    found = measured(rated(own, kind))
    assert found.suspect == ()
    assert any("the program itself reports" in flag for flag in found.flags) is flagged


@pytest.mark.parametrize("kind", ["compute", "train", "whole"])
@pytest.mark.parametrize(("own", "suspect"), [(2555.0, False), (2565.0, True), (645.0, False), (635.0, True)])
def test_twice_or_half_of_what_was_timed_is_suspect(kind: str, own: float, suspect: bool) -> None:
    assert bool(measured(rated(own, kind)).suspect) is suspect


def test_progress_is_not_asked_where_segments_are_rated() -> None:
    more = [progress(BORDER + 5, speed=5000.0)]
    found = measure_speed(window(events(*rated(1400.0, "compute"), more=more)), cards=8)
    assert (found.detail["program_speed"], found.detail["program_speeds"]) == (1400.0, {"compute": 1400.0})
    assert found.suspect == ()


def test_the_segments_that_have_both_are_compared_where_others_have_not() -> None:
    said = [segment(i, seconds=None if i == 3 else 10.0, rated=5000.0, rated_as="train") for i in range(1, 6)]
    found = measured(said)
    assert (found.value, found.detail["self_reported"]) == (5000.0, True)
    assert found.suspect == ("the program itself reports 5000 samples/s where 1280 were timed",)


def test_own_seconds_in_a_log_without_stamps_are_self_reported() -> None:
    found = measure_speed(window(unstamped(seconds=10.0), recorded=True), cards=8)
    assert (found.value, found.detail["kinds"]["whole"]) == (1280.0, None)
    assert "self-reported seconds, not cross-checked" in found.flags


def test_a_recorded_log_with_stamps_is_not_held_against_a_clock_that_nobody_watched() -> None:
    said = [segment(i, seen=0.0) for i in range(1, 6)]
    found = window((*events()[:2], *said), recorded=True)
    assert found.suspect == ()
    assert found.spans == ((BORDER, BORDER + 50),)
    assert window((*events()[:2], *said)).suspect != ()


@pytest.mark.parametrize(
    ("fields", "short"),
    [
        ({"steps": None, "seconds": 5.9}, True), ({"steps": None, "seconds": 10.0}, False),
        ({"steps": 49, "seconds": None}, True), ({"steps": 50, "seconds": None}, False),
        ({"steps": None, "seconds": None}, False),
    ],
)  # fmt: skip
def test_a_segment_is_short_as_far_as_its_length_is_known(fields: dict[str, Any], short: bool) -> None:
    said = [segment(i, **{"samples": None, "rated": 1.0, "rated_as": "train", **fields}) for i in range(1, 6)]
    found = window(events(*said))
    assert found.short is short
    assert any("short window" in flag for flag in found.flags) is short


def test_what_is_not_said_is_not_contradicted() -> None:
    for missing in ({"steps": None}, {"samples": None, "rated": 1280.0, "rated_as": "train"}):
        assert window(events(*(segment(i, **missing) for i in range(1, 6)))).suspect == ()


def test_segments_without_steps_are_equal_in_samples() -> None:
    said = [segment(i, steps=None, samples=12800 if i < 5 else 14000) for i in range(1, 6)]
    assert window(events(*said)).suspect == ("the segments are not equal: 12800 to 14000 samples",)


@pytest.mark.parametrize(("steps", "equal"), [(100, True), (200, True), (201, False)])
def test_segments_joined_from_reports_may_end_with_an_epoch(steps: int, equal: bool) -> None:
    said = [segment(i, steps=s, samples=128 * s, reports=10) for i, s in enumerate((100, steps, 100), 1)]
    assert (window(events(*said), Measure(segments=3)).suspect == ()) is equal


def test_fewer_seconds_than_passed_are_contradicted_beside_a_segment_without() -> None:
    said = [segment(i, **{"seconds": None, "rated": 1280.0, "rated_as": "train"} if i == 2 else {}) for i in (1, 2, 3)]
    assert window(events(*said)).suspect == ()
    said[2] = segment(3, seconds=5.0)
    assert window(events(*said)).suspect == ("segment 3 claims 5 s of training where 10 s passed",)


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({}, ""),
        ({"kind": "train", "self_reported": False}, ""),
        ({"kind": "train", "self_reported": True}, "self-reported"),
        ({"kind": "whole", "self_reported": True}, "whole, self-reported"),
    ],
)
def test_the_nature_of_a_figure(detail: dict[str, Any], words: str) -> None:
    assert nature(detail) == words
