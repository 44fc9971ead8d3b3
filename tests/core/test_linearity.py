from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_sixdim.core.case import Configuration
from pytest_sixdim.core.linearity import differences, linearity, measure_linearity
from pytest_sixdim.core.records import RunRecord
from pytest_sixdim.core.results import Measured

from .builders import CONFIGURATION, baseline, figure, run, speed, start

ONE = baseline(cards=1, figures={"speed": figure("130.0", "samples/s")})


def test_the_published_example() -> None:
    assert round(linearity(2575, 8, 335), 2) == 0.96
    assert measure_linearity(CONFIGURATION, speed(2575), speed(335)).value == pytest.approx(0.960820895522388)


@given(st.floats(1, 1e6), st.integers(2, 64))
def test_perfect_scaling_is_one(single: float, cards: int) -> None:
    assert measure_linearity(replace(CONFIGURATION, cards=cards), speed(single * cards), speed(single)).value == (
        pytest.approx(1.0)
    )


def test_card_linearity_on_one_node() -> None:
    measured = measure_linearity(CONFIGURATION, speed(1000), speed(130))
    detail = measured.detail
    assert (detail["of"], detail["times"], detail["speed"], detail["reference_speed"]) == ("card", 8, 1000, 130)
    assert detail["card_linearity"] == measured.value == pytest.approx(1000 / 8 / 130)
    assert measured.suspect == measured.flags == ()


def test_node_linearity_on_several_nodes_with_card_linearity_beside_it() -> None:
    nodes = replace(CONFIGURATION, nodes=2)
    measured = measure_linearity(nodes, speed(1900), speed(1000), single_card=speed(130))
    assert measured.value == pytest.approx(0.95)
    assert (measured.detail["of"], measured.detail["times"]) == ("node", 2)
    assert measured.detail["card_linearity"] == pytest.approx(1000 / 8 / 130)
    assert measure_linearity(nodes, speed(1900), speed(1000)).detail["card_linearity"] is None
    assert measure_linearity(replace(nodes, cards=1), speed(200), speed(100), single_card=speed(100)).value == 1.0


def test_one_card_has_no_linearity() -> None:
    measured = measure_linearity(Configuration("nvidia", "fp32", 16), speed(), speed())
    assert (measured.not_applicable, measured.value) == ("one card", None)


@pytest.mark.parametrize(("single", "credible"), [(1000 / 8 / 1.05, True), (1000 / 8 / 1.051, False)])
def test_above_five_percent_over_one_is_suspect(single: float, credible: bool) -> None:
    suspect = measure_linearity(CONFIGURATION, speed(1000), speed(single)).suspect
    assert (suspect == ()) is credible
    assert credible or suspect[0].startswith("linearity 1.051 is above 1.05")


@pytest.mark.parametrize(("single", "credible"), [(123.5, True), (123.4, False)])
def test_a_single_card_slower_than_its_own_baseline_is_suspect(single: float, credible: bool) -> None:
    """0.95 of 130.0, which is 129.95 at its worse end: 123.4525."""
    suspect = measure_linearity(CONFIGURATION, speed(980), speed(single), reference_baseline=ONE).suspect
    assert suspect == (() if credible else ("the speed on 1 card is below 0.95 of its own baseline",))


def test_the_single_cards_baseline_is_compared_with_its_own_kind() -> None:
    """130 of whole speed, which is 0.9 of train speed here."""
    slow = replace(ONE, speed_kind="whole")
    assert measure_linearity(CONFIGURATION, speed(1000), speed(130), reference_baseline=slow).suspect
    for unusable in (replace(ONE, speed_kind=None), replace(ONE, disputed={"speed": "why"}), replace(ONE, figures={})):
        assert not measure_linearity(CONFIGURATION, speed(700), speed(90), reference_baseline=unusable).suspect


@pytest.mark.parametrize(
    ("many", "one", "both"), [(1000, 130, True), (999, 140, False), (1010, 129, False), (999.95, 129.95, True)]
)
def test_whether_both_speeds_reach_their_baselines(many: float, one: float, both: bool) -> None:
    measured = measure_linearity(CONFIGURATION, speed(many), speed(one), baseline=baseline(), reference_baseline=ONE)
    assert measured.detail["speeds_at_baselines"] is both


def test_without_both_baselines_nobody_knows_that_both_speeds_reach_theirs() -> None:
    measured = measure_linearity(CONFIGURATION, speed(1000), speed(130), baseline=baseline())
    assert measured.detail["speeds_at_baselines"] is False


def test_a_side_that_failed_fails_the_ratio() -> None:
    crashed = Measured("samples/s", failed="window-1 crashed")
    assert measure_linearity(CONFIGURATION, speed(), crashed).failed == "speed on 1 card: window-1 crashed"
    unknown = Measured("samples/s", unknown="1 of 5 segments were completed")
    assert measure_linearity(CONFIGURATION, unknown, crashed).failed is not None


def test_a_side_that_is_unknown_makes_the_ratio_unknown() -> None:
    unknown = Measured("samples/s", unknown="1 of 5 segments were completed")
    measured = measure_linearity(CONFIGURATION, unknown, speed())
    assert (measured.value, measured.unknown) == (None, "speed on 8 cards: 1 of 5 segments were completed")


def test_doubts_and_flags_of_either_side_carry_over() -> None:
    doubted = speed(130, suspect=("the loss does not change",), flags=("short window",))
    measured = measure_linearity(CONFIGURATION, speed(1000), doubted)
    assert measured.suspect == ("speed on 1 card: the loss does not change",)
    assert measured.flags == ("speed on 1 card: short window",)


def side(**order: object) -> RunRecord:
    common = {"vendor": "nvidia", "launch": "torchrun", "python": "python3", "program": "train.py", "segments": 5}
    environment = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "0"}
    return replace(run(), order={**common, "environment": environment, **order})


def test_sides_that_differ_in_what_they_must_share_are_named() -> None:
    assert differences(side(), side()) == ()
    assert differences(side(), side(program="other.py")) == ("program differs: 'train.py' and 'other.py'",)
    threads = side(environment={"OMP_NUM_THREADS": "8", "CUDA_VISIBLE_DEVICES": "0,1"})
    assert differences(side(), threads, differing=["CUDA_VISIBLE_DEVICES"]) == (
        "environment variable OMP_NUM_THREADS differs",
    )
    assert len(differences(side(), threads)) == 2


def test_where_it_is_known_what_decided_the_sides_their_places_do_not_matter() -> None:
    parts = {"arguments": "--wide", "configuration": "1x8", "cards": "8 x A", "seed": 1, "train.py": "sha256:1"}
    one = side(identity_parts=parts)
    alike = {**parts, "configuration": "1x1", "cards": "1 x A", "seed": 2}
    assert differences(one, side(program="/other/train.py", python="/other/python", identity_parts=alike)) == ()
    unlike = {**alike, "arguments": "--deep", "train.py": None, "driver": "1"}
    assert differences(one, side(identity_parts=unlike)) == (
        "arguments differs: '--wide' and '--deep'",
        "driver differs: None and '1'",
        "train.py differs: 'sha256:1' and None",
    )
    assert differences(one, side(program="other.py")) == ("program differs: 'train.py' and 'other.py'",)


def test_different_software_is_named_and_makes_the_ratio_suspect() -> None:
    one, other = side(), side()
    one = replace(one, events=(start(versions={"torch": "2.4"}),))
    other = replace(other, events=(start(versions={"torch": "2.5"}),))
    unlike = differences(one, other)
    assert unlike == ("software versions differ",)
    assert measure_linearity(CONFIGURATION, speed(1000), speed(130), unlike=unlike).suspect == unlike


def test_neighbours_of_either_side_are_flagged_and_named_once() -> None:
    many, one = (
        replace(speed(value), flags=(f"shared the host with {runs}",), detail={"neighbours": runs})
        for value, runs in ((1000, ["a", "b"]), (130, ["b", "c"]))
    )
    measured = measure_linearity(CONFIGURATION, many, one)
    assert measured.detail["neighbours"] == ["a", "b", "c"]
    assert measured.flags == (
        "speed on 8 cards: shared the host with ['a', 'b']",
        "speed on 1 card: shared the host with ['b', 'c']",
    )
    assert "neighbours" not in measure_linearity(CONFIGURATION, speed(1000), speed(130)).detail


def test_speeds_of_two_kinds_are_not_divided() -> None:
    own = speed(130, detail={"kind": "compute", "kinds": {"compute": 130.0}})
    measured = measure_linearity(CONFIGURATION, speed(1000), own)
    assert measured.value is None
    assert measured.unknown == "speeds of two kinds: the speed on 8 cards is train and the speed on 1 card is compute"
