"""Who else used the cards of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pytest_sixdim.core.contention import foreign
from pytest_sixdim.core.records import SampleLog, Series

from .builders import log


def process(pid: int, own: bool | None, **fields: Any) -> dict[str, Any]:
    return {"pid": pid, "own": own, **fields}


def told(*instants: Sequence[dict[str, Any]]) -> SampleLog:
    """A node's facts at several instants, one mapping a card."""
    facts = tuple((100.0 * number, tuple(cards)) for number, cards in enumerate(instants))
    return replace(log(len(instants[0]) if instants else 1), facts=facts)


def on(*processes: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"processes": list(processes), **facts}


def test_a_run_that_had_its_cards_alone() -> None:
    mine = on(process(1, True), utilization_percent=99.0)
    assert foreign([told([on(utilization_percent=0.0)] * 2, [mine] * 2, [on()] * 2)]) == ()


def test_nobody_is_seen_where_nothing_is_told() -> None:
    assert foreign([told()]) == ()
    assert foreign([told([{}], [{}])]) == ()


def test_another_process_is_named_with_what_it_holds_and_when() -> None:
    other = process(77, False, name="python3", bytes=2**31)
    mine = process(1, True)
    assert foreign([told([on(), on(other)], [on(mine), on(mine, other)], [on(), on()])]) == (
        "card 1: process 77 (python3, 2 GiB) of somebody else before and during the run",
    )
    assert foreign([told([on()], [on(mine)], [on(process(78, False, bytes=None))])]) == (
        "card 0: process 78 of somebody else during the run",
    )
    assert foreign([told([on(process(79, False))])])[0].endswith("before the run")


def test_a_card_that_is_busy_before_anything_of_the_run_is_on_it() -> None:
    assert foreign([told([on(utilization_percent=31.0)], [on(process(1, True), utilization_percent=99.0)])]) == (
        "card 0: 31 % busy before the run",
    )
    assert foreign([told([{"utilization_percent": 5.0}])]) == ()


@pytest.mark.parametrize(
    ("readings", "sentences"),
    [
        ([90.0, 95.0, 99.0, 99.0], ("card 0: 31 % busy before the run",)),
        ([90.0, 12.0, 99.0, 0.0], ("card 0: 12 % busy before the run",)),
        ([90.0, 0.0, 99.0, 99.0], ()),
    ],
    ids=["all along", "the lowest of three seconds", "a run that had just ended"],
)
def test_a_card_that_comes_to_rest_before_the_run_trains_was_not_shared(
    readings: list[float], sentences: tuple[str, ...]
) -> None:
    """The tool's figure is of the last second; the fourth reading is of the run itself."""
    series = Series((0.5, 1.5, 2.5, 3.5), tuple(readings))
    assert foreign([replace(told([on(utilization_percent=31.0)]), series={"utilization": (series,)})]) == sentences


def test_a_busy_card_with_a_known_process_on_it_is_explained() -> None:
    assert foreign([told([on(process(1, True), utilization_percent=31.0)])]) == ()
    assert len(foreign([told([on(process(2, False), utilization_percent=31.0)])])) == 1


@pytest.mark.parametrize(
    ("listed", "sentences"),
    [
        (2, ()),
        (3, ("1 more process on the cards than the run has ranks",)),
        (4, ("2 more processes on the cards than the run has ranks",)),
    ],
)
def test_processes_that_cannot_be_named_are_counted_against_the_ranks(listed: int, sentences: tuple[str, ...]) -> None:
    """Two ranks; one process may be listed on both cards."""
    unnamed = [process(pid, None) for pid in range(listed)]
    assert foreign([told([on(), on()], [on(*unnamed), on(unnamed[0])])]) == sentences


def test_where_the_ranks_can_be_named_those_that_cannot_are_others() -> None:
    assert foreign([told([on()], [on(process(1, True), process(2, None))])]) == (
        "1 more process on the cards than the run has ranks",
    )


def test_nodes_are_named_where_there_are_several() -> None:
    one, other = told([on()]), told([on(process(2, False))])
    assert foreign([one, other]) == ("node 1 card 0: process 2 of somebody else before the run",)
