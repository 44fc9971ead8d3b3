"""What the ranks' evidence of an adapter makes of a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pytest_sixdim.core.adapter_evidence import OF_THE_HOST, check, checked
from pytest_sixdim.core.records import RunRecord, Series, Source
from pytest_sixdim.core.results import Measured
from tests.core.builders import log, run

ASKED = {"name": "ditorch", "switch": "DITORCH_DISABLE_MOCK", "architecture": "ascend", "framework": "torch_npu"}
USED = Series((0.0, 1.0, 2.0), (2.0**30, 3.0 * 2**30, None))
RESTING = Series((0.0, 1.0, 2.0), (2.0**30, 2.0**30 + 15 * 2**20, 2.0**30))


def evidence(rank: int = 0, **changes: Any) -> dict[str, Any]:
    """What a rank leaves of an adapter that works."""
    given = {
        "rank": rank,
        "pid": 100 + rank,
        "active": True,
        "switched_off": False,
        "architecture": "ascend",
        "framework": "torch_npu",
        "framework_version": "2.1.0",
        "tool_modules": [],
        "variables": {},
        "banner": {"arch": "ascend", "framework": "torch_npu", "version": "2.1.0", "pid": str(100 + rank)},
    }
    return {**given, **changes}


def under(
    *ranks: dict[str, Any], cards: int = 2, memory: Sequence[Series] = (USED, USED), asked: Any = None, **order: Any
) -> RunRecord:
    """A run of two ranks under ditorch, whose cards' memory rose."""
    orders = {"adapter": asked or ASKED, "nodes": 1, "cards": cards, "vendor": "ascend", "configuration": "a", **order}
    records = ranks or (evidence(0), evidence(1))
    return replace(run(), order=orders, adapter=records, samples=(log(cards=2, memory=memory),))


def doubts(record: RunRecord) -> tuple[str, ...]:
    found = check(record)
    assert found is not None
    assert found.noop is None
    return found.suspect


def test_a_run_without_an_adapter_is_left_as_it_is() -> None:
    measured = Measured("samples/s", 5.0)
    assert check(run()) is None
    assert checked(measured, [run()]) is measured


def test_a_run_where_all_holds_only_gains_what_the_adapter_says() -> None:
    measured = checked(Measured("samples/s", 5.0, flags=("x",), detail={"kinds": {}}), [under()])
    assert (measured.value, measured.suspect, measured.flags) == (5.0, (), ("x",))
    assert measured.detail["kinds"] == {}
    assert measured.detail["adapter"]["expected"] == {"architecture": "ascend", "framework": "torch_npu"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"active": False}, "ditorch found no vendor plugin on rank 1"),
        ({"switched_off": True, "banner": None}, "DITORCH_DISABLE_MOCK switches ditorch off on rank 1"),
        ({"banner": None}, "rank 1 printed no line of ditorch with its own pid"),
        (
            {"banner": {"framework": "torch_mlu"}},
            "rank 1 printed that torch_mlu is driven, its adapter says torch_npu",
        ),
        ({"framework_version": "2.1.1"}, "the ranks' adapters differ in framework_version"),
        ({"variables": {"DITORCH_X": "1"}}, "the ranks' adapters differ in variables"),
        ({"tool_modules": ["op_tools"]}, "the program imported op_tools of ditorch, which hooks into every operator"),
    ],
)
def test_one_rank_that_differs_spoils_the_run(changes: dict[str, Any], says: str) -> None:
    assert says in doubts(under(evidence(0), evidence(1, **changes)))


def test_a_rank_without_evidence_is_named_and_a_run_without_any_too() -> None:
    assert doubts(under(evidence(1))) == ("rank 0 left no evidence that ditorch was active",)
    assert doubts(replace(under(), adapter=())) == ("ranks 0, 1 left no evidence that ditorch was active",)


def test_a_rank_that_refused_to_start_is_no_rank_without_a_plugin() -> None:
    refused = [evidence(rank, active=None, banner=None) for rank in (0, 1)]
    assert doubts(under(*refused)) == ()
    crashed = checked(Measured("samples/s", failed="full-1 crashed"), [under(*refused)])
    assert (crashed.failed, crashed.not_applicable) == ("full-1 crashed", None)


@pytest.mark.parametrize(
    ("architecture", "framework"), [("camb", "torch_mlu"), ("ascend", "torch_dipu"), ("camb", "torch_npu")]
)
def test_what_is_driven_must_be_what_the_profile_expects(architecture: str, framework: str) -> None:
    banner = {"framework": framework}
    ranks = [evidence(r, architecture=architecture, framework=framework, banner=banner) for r in (0, 1)]
    (said,) = doubts(under(*ranks))
    assert said.startswith(f"the last plugin won: ditorch drives {architecture} through {framework}, ")
    assert said.endswith("the profile of vendor 'ascend' expects ascend through torch_npu")


def test_a_profile_that_says_nothing_of_the_adapter_leaves_it_in_doubt() -> None:
    (said,) = doubts(under(asked={**ASKED, "architecture": None, "framework": None}))
    assert said.endswith("the profile of vendor 'ascend' does not say what it should drive")


def test_no_plugin_in_any_rank_is_no_answer_whatever_was_measured() -> None:
    ranks = [evidence(rank, active=False, banner=None, framework_error="ImportError: gone") for rank in (0, 1)]
    for measured in (Measured("W", 5.0), Measured("W", failed="crashed"), Measured("W", unknown="no sensor")):
        found = checked(measured, [under(*ranks)])
        assert found.value is None
        assert found.failed is None
        assert found.not_applicable == "ditorch-noop: no vendor plugin was importable (torch_npu: ImportError: gone)"


def test_a_card_that_rested_by_its_own_readings_makes_the_run_suspect() -> None:
    assert doubts(under(memory=(USED, RESTING))) == (
        "no use of card 1 to be seen: neither memory nor utilisation rose over the run",
    )
    busy = Series((0.0, 1.0), (0.0, 97.0))
    both = log(cards=2, memory=(RESTING, RESTING), utilization=(busy, busy))
    assert doubts(replace(under(), samples=(both,))) == ()


def test_what_was_read_before_the_ranks_reached_the_cards_counts() -> None:
    late = Series((5.0, 6.0), (2.0**30, 2.0**30))
    readings = log(cards=2, memory=(late, late))
    assert len(doubts(replace(under(), samples=(readings,)))) == 1
    before = ({"memory_used_bytes": 2**20}, {"memory_used_bytes": 2**20})
    assert doubts(replace(under(), samples=(replace(readings, facts=((0.0, before),)),))) == ()


def test_cards_without_readings_are_a_flag_and_no_doubt() -> None:
    blank = Series((0.0, 1.0), (None, None))
    for samples, cards in (((), "the cards"), ((log(cards=2, memory=(USED, blank)),), "card 1")):
        found = check(replace(under(), samples=samples))
        assert found is not None
        assert found.suspect == ()
        assert found.flags == (f"no readings of memory or utilisation say whether {cards} ran anything",)


def test_memory_of_the_host_says_nothing_of_a_card() -> None:
    for method in OF_THE_HOST:
        readings = log(cards=2, memory=(USED, USED), sources={"memory": Source("process_memory", method)})
        found = check(replace(under(), samples=(readings,)))
        assert found is not None
        assert found.flags == ("no readings of memory or utilisation say whether cards 0, 1 ran anything",)


def test_of_several_runs_each_is_looked_at_under_its_own_name() -> None:
    other = under(evidence(0), cards=1, configuration="b", memory=(USED, USED))
    broken = replace(under(evidence(0)), samples=other.samples)
    measured = checked(Measured("", 0.9), [broken, other])
    assert measured.suspect == ("a full-1: rank 1 left no evidence that ditorch was active",)
    assert checked(Measured("", 0.9), [other, broken]).suspect == measured.suspect
