"""One merged answer a card, and whose processes are on it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any, cast

from pytest_sixdim.agent.card_facts import Answer, Ownership, merged


def told(*answers: list[dict[str, Any]]) -> tuple[Answer, ...]:
    return cast("tuple[Answer, ...]", answers)


def card(*pids: int) -> dict[str, Any]:
    return {"processes": [{"pid": pid} for pid in pids]}


def owners(of: dict[str, Any]) -> list[Any]:
    return [process["own"] for process in of["processes"]]


def test_the_first_answer_that_has_a_fact_gives_it() -> None:
    answers = told([{"driver": "1", "xids": []}, {}], [{"driver": "2", "runtime": "9"}, {"driver": "2"}])
    assert merged(answers, 2) == [{"driver": "1", "xids": [], "runtime": "9"}, {"driver": "2"}]
    assert merged((), 2) == [{}, {}]


def test_what_is_no_json_is_left_out_and_false_and_zero_are_kept() -> None:
    odd = {"power_limit_watts": math.inf, "driver": None, "firmware": object(), "ecc_corrected": 0, "mig": False}
    assert merged(told([odd]), 1) == [{"ecc_corrected": 0, "mig": False}]
    assert merged(told([{"processes": ({"pid": 1, "bytes": math.nan},)}]), 1) == [
        {"processes": [{"pid": 1, "bytes": None}]}
    ]


def test_a_process_is_the_runs_anothers_or_of_nobody_that_can_be_seen() -> None:
    found = card(1, 2, 3)
    Ownership(lambda: {1: True, 2: False}).mark([found])
    assert owners(found) == [True, False, None]


def test_a_process_of_the_run_stays_one_when_it_has_ended() -> None:
    """Drivers list a process a little longer than the kernel does; its number may even be somebody else's by then."""
    visible = {1: True, 2: False}
    ownership = Ownership(lambda: visible)
    ownership.mark([card(1)])
    for later in ({2: False}, {1: False}):
        visible = later
        found = card(1)
        ownership.mark([found])
        assert owners(found) == [True]


def test_processes_are_only_listed_where_a_card_has_any() -> None:
    def never() -> dict[int, bool]:
        raise AssertionError("not asked")

    Ownership(never).mark([{}, {"processes": []}, {"processes": "many"}])


def test_this_hosts_processes_are_told_apart() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        found = card(os.getpid(), child.pid, os.getppid())
        Ownership().mark([found])
        assert owners(found) == [True, True, False]
    finally:
        child.communicate(b"\n")
