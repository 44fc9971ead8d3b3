"""The directory of a FlagPerf run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_sixdim.campaign.importing import CannotImport
from pytest_sixdim.campaign.importing.flagperf import logged_runs
from tests.campaign.importing.recorded import flagperf_run

CASE = "resnet50:pytorch:A100:1:8:1"


def test_a_round_is_a_run_and_rank_0_is_read(tmp_path: Path) -> None:
    run = flagperf_run(tmp_path, rounds=11)
    found = logged_runs(run, 1, {8})
    assert [each.log.parent.parent.name for each in found] == [f"round{number}" for number in range(1, 12)]
    assert {each.log.name for each in found} == {"rank0.out.log"}
    assert [each.monitors[0] and each.monitors[0].name for each in found] == ["nvidia_monitor.log"] * 11
    for below in (run / CASE, run / CASE / "round1", run / CASE / "round1" / "10.1.2.2_noderank0"):
        assert found[0] == logged_runs(below, 1, {8})[0]


def test_a_run_of_two_nodes_has_a_monitor_a_node_and_rank_0_of_the_first(tmp_path: Path) -> None:
    run = flagperf_run(tmp_path)
    (run / CASE).rename(run / "resnet50:pytorch:A100:2:8:1")
    first = run / "resnet50:pytorch:A100:2:8:1" / "round1" / "10.1.2.2_noderank0"
    second = first.with_name("10.1.2.1_noderank1")
    shutil.copytree(first, second)
    (second / "rank0.out.log").rename(second / "rank8.out.log")
    with pytest.raises(CannotImport, match="round1: 2 nodes, the configuration has 1"):
        logged_runs(run, 1, {8})
    (found,) = logged_runs(run, 2, {8})
    assert found.log == first / "rank0.out.log"
    assert found.monitors == (first / "nvidia_monitor.log", second / "nvidia_monitor.log")


def test_a_directory_of_several_cases_needs_a_choice(tmp_path: Path) -> None:
    run = flagperf_run(tmp_path)
    shutil.copytree(run / CASE, run / "bert:pytorch:A100:1:8:1")
    with pytest.raises(CannotImport, match=r"holds several cases.*bert:pytorch:A100:1:8:1, .*resnet50"):
        logged_runs(run, 1, {8})


def test_a_directory_without_logs_of_ranks_is_none(tmp_path: Path) -> None:
    (tmp_path / "round1").mkdir()
    with pytest.raises(CannotImport, match=r"holds no rank<n>\.out\.log"):
        logged_runs(tmp_path, 1, {8})


def test_two_monitors_of_cards_are_one_too_many(tmp_path: Path) -> None:
    run = flagperf_run(tmp_path)
    node = run / CASE / "round1" / "10.1.2.2_noderank0"
    shutil.copy(node / "nvidia_monitor.log", node / "iluvatar_monitor.log")
    with pytest.raises(CannotImport, match=r"several monitors of cards: iluvatar_monitor\.log, nvidia_monitor\.log"):
        logged_runs(run, 1, {8})


def test_a_run_without_a_monitor_is_one_all_the_same(tmp_path: Path) -> None:
    run = flagperf_run(tmp_path)
    (run / CASE / "round1" / "10.1.2.2_noderank0" / "nvidia_monitor.log").unlink()
    assert logged_runs(run, 1, {8})[0].monitors == (None,)


def test_a_run_on_another_number_of_cards_is_refused(tmp_path: Path) -> None:
    run = flagperf_run(tmp_path)
    with pytest.raises(CannotImport, match=r"noderank0: logs of 8 ranks, the configuration has 4 a node"):
        logged_runs(run, 1, {4})
    assert logged_runs(run, 1, {4, 8})
    for rank in range(1, 8):  # a launcher that writes one log
        (run / CASE / "round1" / "10.1.2.2_noderank0" / f"rank{rank}.out.log").unlink()
    assert logged_runs(run, 1, {8})
    with pytest.raises(CannotImport, match=r"8 ranks a node by the case's name, the configuration has 1"):
        logged_runs(run, 1, {1})
