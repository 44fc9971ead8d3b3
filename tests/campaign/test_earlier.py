"""Runs of earlier sessions: which are taken over, and which are launched again and why."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.earlier import Earlier
from pytest_sixdim.campaign.identity import differences
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.campaign.store import Store
from tests.campaign.earlier_sessions import KEY, PARTS, files, made, order, session, take


def test_a_finished_run_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = session(tmp_path)
    run = made(folder)
    before = files(folder)
    answer, directory = take(folder)
    assert answer == (True, f"reused from {folder.name} (61.2 s, completed)")
    for name in ("order.json", "result.json", "node-0/samples.jsonl", "node-0/logs/rank-0.stdout.log"):
        assert (directory / name).samefile(run / name)
    assert not (directory / "work").exists()
    record = read_run(directory)
    assert record.reused is not None
    assert {key: record.reused[key] for key in ("session", "directory")} == {
        "session": folder.name,
        "directory": str(run),
    }
    assert files(folder) == before
    assert [path.name for path in directory.parent.iterdir()] == [directory.name]


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EPERM])
def test_where_files_can_have_no_second_name_they_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(os, "link", refuse)
    folder = session(tmp_path)
    run = made(folder)
    answer, directory = take(folder)
    assert answer.reused
    assert (directory / "result.json").read_bytes() == (run / "result.json").read_bytes()
    assert not (directory / "result.json").samefile(run / "result.json")


def test_what_somebody_else_owns_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = session(tmp_path)
    run = made(folder)
    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    answer, directory = take(folder)
    assert answer.reused
    assert not (directory / "result.json").samefile(run / "result.json")


STAND = (
    "completed",
    "target_missed",
    "diverged",
    "crashed",
    "no_end",
    "timeout",
    "stalled",
    "out_of_memory",
    "card_lost",
)


@pytest.mark.parametrize("status", STAND)
def test_failures_of_model_program_and_card_are_results_too(tmp_path: Path, status: str) -> None:
    folder = session(tmp_path)
    made(folder, status)
    assert take(folder)[0].reused


@pytest.mark.parametrize(
    ("status", "fault", "why"),
    [
        ("cancelled", None, "was cancelled there"),
        ("launch_error", "host", "could not be launched there"),
        ("agent_lost", "host", "its agent was lost there"),
        ("crashed", "host", "failed there for a reason of the host"),
        (None, None, "did not end there"),
    ],
)
def test_what_says_nothing_of_the_run_is_launched_again(
    tmp_path: Path, status: str | None, fault: str | None, why: str
) -> None:
    folder = session(tmp_path)
    made(folder, status, fault=fault)
    answer, directory = take(folder)
    assert answer == (False, f"launched again: {why}")
    assert not directory.exists()


def test_a_run_that_was_not_made_is_launched_without_a_word(tmp_path: Path) -> None:
    assert take(session(tmp_path))[0] == (False, None)


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ({"seed": 13}, "seed 13 there, 3 here"),
        ({"seed": 1}, "seed 1 there, 3 here"),
        ({"seed": True}, "seed yes there, 3 here"),
        ({"seed": 3.5}, "seed 3.5 there, 3 here"),
        ({"driver": "550.54"}, "driver 550.54 there, 560.35 here"),
        ({"driver": None}, "driver unknown there, 560.35 here"),
        ({"train.py": "sha256:fedcba9876543210"}, "train.py differs"),
        ({"train.py": None}, "train.py was not there"),
        ({"layers.py": "sha256:fedcba9876543210"}, "layers.py is not here"),
        ({"--sixdim-share": True}, "measured with --sixdim-share there"),
        ({"seed": 1, "driver": "1", "segments": 6, "a": 1, "b": 2}, "2 more"),
        ({"driver": "x" * 1000}, "driver differs"),
        ({"driver": "\x1b[31mred"}, "driver differs"),
        ({"\x1b[31mred": 1}, "something unknown differs"),
        ({"seed": [3]}, "seed differs"),
        ({"seed": {"a": 1}}, "seed differs"),
    ],
)
def test_the_difference_is_named(tmp_path: Path, there: dict[str, Any], why: str) -> None:
    folder = session(tmp_path)
    made(folder, parts={**PARTS, **there})
    answer, _ = take(folder)
    assert not answer.reused
    assert answer.words is not None
    assert answer.words.startswith("launched again: ")
    assert why in answer.words


@pytest.mark.parametrize(
    ("there", "here", "why"),
    [
        ("--layers 3 --wide", "--layers 4 --wide", "arguments 3 there, 4 here"),
        ("--wide", "--wide --deep", "arguments differ"),
        ("--a b", "b --a", "arguments differ"),
        ("'", "x", "arguments ' there, x here"),
        (None, "x", "arguments unknown there, x here"),
        ("x" * 100, "x", "arguments differ"),
    ],
)
def test_of_arguments_those_that_differ_are_shown(there: Any, here: str, why: str) -> None:
    assert differences({"arguments": there}, {"arguments": here}) == why


@pytest.mark.parametrize("parts", [None, [], "x", {}])
def test_an_identity_without_parts_says_so(parts: Any) -> None:
    assert differences(parts, PARTS) == "it does not say what decided it"


def test_equal_parts_under_another_hash_are_not_the_same(tmp_path: Path) -> None:
    folder = session(tmp_path)
    path = made(folder) / "order.json"
    path.write_text(json.dumps({**order(), "identity": "other"}))
    assert take(folder)[0] == (False, "launched again: its identity differs")


def test_a_changed_time_limit_counts_where_the_run_would_end_otherwise(tmp_path: Path) -> None:
    folder = session(tmp_path)
    made(folder, "timeout")
    assert take(folder, timeout=60.0, stall=99.0)[0].reused
    again = "launched again: it ran into its limit there: timeout 60 s there, 120 s here"
    other = session(tmp_path, "b")
    made(other, "timeout")
    assert take(other, timeout=120.0)[0] == (False, again)
    ended = session(tmp_path, "c")
    made(ended, "completed")
    assert take(ended, timeout=120.0, stall=99.0)[0].reused
    assert take(ended, timeout=30.0)[0].words == "launched again: it took 61.25 s there, timeout is 30 s here"


def test_a_broken_run_is_looked_for_in_the_session_before(tmp_path: Path) -> None:
    first = session(tmp_path, "a")
    made(first)
    second = session(tmp_path, "b", resumed=first)
    samples = made(second) / "node-0" / "samples.jsonl"
    samples.write_bytes(samples.read_bytes()[:250])
    answer, _ = take(second)
    assert answer == (True, "reused from a (61.2 s, completed)")


def test_attempts_come_along_up_to_the_last_that_has_a_result(tmp_path: Path) -> None:
    folder = session(tmp_path)
    made(folder, "launch_error", fault="host")
    made(folder, "card_lost", attempt=2, fault="device")
    made(folder, "cancelled", attempt=3)
    answer, directory = take(folder)
    assert answer == (True, f"reused from {folder.name} (61.2 s, card_lost)")
    assert sorted(path.name for path in directory.parent.iterdir()) == ["full-3", "full-3.attempt-2"]
    assert all((path / "reused.json").exists() for path in directory.parent.iterdir())


def test_an_attempt_of_something_else_spoils_the_others(tmp_path: Path) -> None:
    folder = session(tmp_path)
    made(folder, "launch_error", parts={**PARTS, "seed": 4})
    made(folder, "completed", attempt=2)
    assert take(folder)[0] == (False, "launched again: seed 4 there, 3 here")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    folder = session(tmp_path)
    made(folder)
    directory = Store(tmp_path / "new").run_directory(KEY)
    another = ".full-30.reused-1"
    for name in (".full-3.reused-1", ".full-3.attempt-2.reused-1", "full-3", "full-3.attempt-2", another):
        (directory.parent / name / "node-0").mkdir(parents=True)
        (directory.parent / name / "run.json").write_text("{}")
    answer, directory = take(folder)
    assert answer.reused
    assert {path.name for path in directory.parent.iterdir()} == {"full-3", another}
    assert (directory / "result.json").exists()


def test_sessions_that_were_resumed_themselves_are_looked_into_and_the_origin_is_kept(tmp_path: Path) -> None:
    first = session(tmp_path, "a")
    made(first)
    second = session(tmp_path, "b", resumed=first)
    third = session(tmp_path, "c", resumed=second)
    assert [path.name for path in Earlier(third).sessions] == ["c", "b", "a"]
    assert len(Earlier(third).finished()) == 1
    answer, directory = take(third)
    assert answer.words == "reused from a (61.2 s, completed)"
    Store(third).run_directory(KEY).parent.mkdir(parents=True)
    directory.rename(Store(third).run_directory(KEY))
    assert take(third)[0].words == "reused from a (61.2 s, completed)"
    assert len(Earlier(third).finished()) == 1


def test_sessions_that_were_moved_together_find_each_other(tmp_path: Path) -> None:
    first = session(tmp_path / "there", "a")
    made(first)
    session(tmp_path / "there", "b", resumed=first)
    (tmp_path / "there").rename(tmp_path / "here")
    assert take(tmp_path / "here" / "b")[0].reused


def test_sessions_that_resume_each_other_end(tmp_path: Path) -> None:
    first = session(tmp_path, "a", resumed=tmp_path / "b")
    second = session(tmp_path, "b", resumed=first)
    assert [path.name for path in Earlier(second).sessions] == ["b", "a"]
    own = session(tmp_path, "c", resumed=tmp_path / "c")
    assert Earlier(own).sessions == [own]


@pytest.mark.parametrize("resumed", ["", "nowhere", "../a", "/", "\0", "x" * 10_000, "/dev/zero"])
def test_a_session_that_names_none_is_the_last(tmp_path: Path, resumed: str) -> None:
    folder = session(tmp_path, "b", resumed=resumed)
    assert Earlier(folder).sessions == [folder]


def test_a_strangers_word_on_the_origin_is_not_passed_on(tmp_path: Path) -> None:
    folder = session(tmp_path)
    run = made(folder)
    (run / "reused.json").write_text(json.dumps({"session": "\x1b[31mred", "directory": "/"}))
    answer, _ = take(folder)
    assert answer.words == f"reused from {folder.name} (61.2 s, completed)"
