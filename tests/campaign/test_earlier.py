"""Runs of earlier sessions: which are taken, which are launched again and why, and what a stranger's folder can do."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.earlier import Answer, Earlier
from pytest_sixdim.campaign.identity import differences, identity
from pytest_sixdim.campaign.plan import RunKey
from pytest_sixdim.campaign.reading import read_run
from pytest_sixdim.campaign.sessions import session_folder
from pytest_sixdim.campaign.settings import SettingsError
from pytest_sixdim.campaign.store import Store

KEY = RunKey("tiny", "cpu-fp32-bs32-1x1", "full", 3)
PARTS = {"seed": 3, "driver": "560.35", "train.py": "sha256:0123456789abcdef", "--sixdim-share": False, "segments": 5}
HEAD = {"schema": 1, "monotonic": 10.0, "unix": 1.0, "boot_id": "b"}


def order(parts: dict[str, Any] = PARTS, timeout: float = 60.0, stall: float = 20.0) -> dict[str, Any]:
    return {
        "schema": 1,
        "identity": identity(parts),
        "identity_parts": parts,
        "case": KEY.case,
        "configuration": KEY.configuration,
        "role": KEY.role,
        "index": KEY.index,
        "seed": 3,
        "nodes": 1,
        "cards": 1,
        "devices": [{"index": 0, "id": "core:0", "name": "core", "total_bytes": None, "cores": [0]}],
        "calibration": [],
        "limits": {"timeout": timeout, "stall": stall, "teardown": 1.0},
    }


def session(results: Path, name: str = "20261122T000000Z-aaaaaa", resumed: Path | str | None = None) -> Path:
    folder = results / name
    folder.mkdir(parents=True)
    record = {"schema": 1, "plugin": "0.1.0", "settings": {}, "resumed": None if resumed is None else str(resumed)}
    (folder / "session.json").write_text(json.dumps(record))
    return folder


def made(
    folder: Path, status: str | None = "completed", attempt: int = 1, fault: str | None = None, **asked: Any
) -> Path:
    """One attempt of the run, as an agent leaves it; no result where `status` is None."""
    run = Store(folder).run_directory(KEY, attempt)
    node = run / "node-0"
    (node / "logs").mkdir(parents=True)
    (run / "work").mkdir()
    (run / "work" / "checkpoint").write_text("large")
    (node / "logs" / "rank-0.stdout.log").write_text("said\n")
    (run / "order.json").write_text(json.dumps(order(**asked)))
    (run / "run.json").write_text("{}")
    end = {"event": "end", "status": "success", "t": 12.0, "seen": 12.0, "rank": 0}
    (node / "events.jsonl").write_text(f"{json.dumps(HEAD)}\n{json.dumps(end)}\n")
    card = {"index": 0, "id": "core:0", "name": "core", "total_bytes": None, "uuid": None, "pci": None}
    readings = [{"t": 10.0 + second, "memory": [2**20]} for second in range(4)]
    lines = [{**HEAD, "cards": [card], "sources": {}, "unavailable": {}}, *readings]
    (node / "samples.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    if status is not None:
        result = {"schema": 1, "status": status, "ended_by": "program", "seconds": 61.25, "fault": fault}
        result |= {"message": "", "log_tail": [], "sampler": {"readings": 4, "cpu_seconds": 0.1}, "event_lines": 1}
        (run / "result.json").write_text(json.dumps(result))
    return run


def take(folder: Path, **asked: Any) -> tuple[Answer, Path]:
    """What a new session beside `folder` makes of it."""
    directory = Store(folder.parent / "new").run_directory(KEY)
    directory.parent.mkdir(parents=True, exist_ok=True)
    return Earlier(folder).take(KEY, order(**asked), directory), directory


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


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


def cut(name: str, size: int) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        path = run / name
        path.write_bytes(path.read_bytes()[:size])

    return damage


def without_last_line(name: str, lines: int = 1) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        path = run / name
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-lines]))

    return damage


def removed(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


def changed(name: str, **fields: Any) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        path = run / name
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return damage


def linked(name: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        outside = run.parents[3] / "outside"
        (run / name).rename(outside)
        (run / name).symlink_to(outside)

    return damage


def pipe(name: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        (run / name).unlink()
        os.mkfifo(run / name)

    return damage


def written(name: str, text: str) -> Callable[[Path], None]:
    def damage(run: Path) -> None:
        (run / name).write_text(text)

    return damage


DAMAGES = {
    "half a result": cut("result.json", 20),
    "an empty result": cut("result.json", 0),
    "a result that is a list": written("result.json", "[]"),
    "a result nested too deep": written("result.json", "[" * 100_000),
    "a result that is a link": linked("result.json"),
    "a result that is a pipe": pipe("result.json"),
    "a result of numbers as text": changed("result.json", seconds="61"),
    "a status that nobody knows": changed("result.json", status="splendid"),
    "a status that is no text": changed("result.json", status=["completed"]),
    "a sampler without numbers": changed("result.json", sampler={"cpu_seconds": "much"}),
    "half an order": cut("order.json", 30),
    "an order that is a pipe": pipe("order.json"),
    "an order of another run": changed("order.json", index=4),
    "an order without its cards": changed("order.json", devices=None),
    "an order with odd cards": changed("order.json", devices=[{"index": 0}]),
    "an order with an odd calibration": changed("order.json", calibration=[{"volts": 3}]),
    "an order of millions of nodes": changed("order.json", nodes=10**9),
    "limits that are a list": changed("order.json", limits=[]),
    "no events": removed("node-0/events.jsonl"),
    "half an event": cut("node-0/events.jsonl", 90),
    "an event less": without_last_line("node-0/events.jsonl"),
    "events that are a link": linked("node-0/events.jsonl"),
    "no samples": removed("node-0/samples.jsonl"),
    "samples without a line": cut("node-0/samples.jsonl", 0),
    "half a sample": cut("node-0/samples.jsonl", 250),
    "samples that lack some": without_last_line("node-0/samples.jsonl", 3),
    "a node that is a link": linked("node-0"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_run_that_is_not_whole_is_launched_again(tmp_path: Path, name: str) -> None:
    folder = session(tmp_path)
    DAMAGES[name](made(folder))
    answer, directory = take(folder)
    assert not answer.reused
    assert answer.words is not None
    assert answer.words.startswith("launched again: ")
    assert str(tmp_path) not in answer.words
    assert list(directory.parent.iterdir()) == []


def test_a_broken_run_is_looked_for_in_the_session_before(tmp_path: Path) -> None:
    first = session(tmp_path, "a")
    made(first)
    second = session(tmp_path, "b", resumed=first)
    DAMAGES["half a sample"](made(second))
    answer, _ = take(second)
    assert answer == (True, "reused from a (61.2 s, completed)")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path, level: int) -> None:
    folder = session(tmp_path)
    run = made(folder)
    place = [run, *run.parents][level]
    place.rename(tmp_path / "outside")
    place.symlink_to(tmp_path / "outside")
    assert take(folder)[0] == (False, "launched again: its folder is a link")


def test_links_and_pipes_among_the_logs_stay_behind(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of somebody")
    folder = session(tmp_path)
    logs = made(folder) / "node-0" / "logs"
    (logs / "link").symlink_to(secret)
    (logs / "folder").symlink_to(tmp_path)
    os.mkfifo(logs / "pipe")
    answer, directory = take(folder)
    assert answer.reused
    assert [path.name for path in (directory / "node-0" / "logs").iterdir()] == ["rank-0.stdout.log"]


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
    for name in (".full-3.reused-1", ".full-3.attempt-2.reused-1", "full-3"):
        (directory.parent / name / "node-0").mkdir(parents=True)
        (directory.parent / name / "run.json").write_text("{}")
    answer, directory = take(folder)
    assert answer.reused
    assert [path.name for path in directory.parent.iterdir()] == ["full-3"]
    assert (directory / "result.json").exists()


def test_sessions_that_were_resumed_themselves_are_looked_into_and_the_origin_is_kept(tmp_path: Path) -> None:
    first = session(tmp_path, "a")
    made(first)
    second = session(tmp_path, "b", resumed=first)
    third = session(tmp_path, "c", resumed=second)
    assert [path.name for path in Earlier(third).sessions] == ["c", "b", "a"]
    assert Earlier(third).finished() == 1
    answer, directory = take(third)
    assert answer.words == "reused from a (61.2 s, completed)"
    Store(third).run_directory(KEY).parent.mkdir(parents=True)
    directory.rename(Store(third).run_directory(KEY))
    assert take(third)[0].words == "reused from a (61.2 s, completed)"
    assert Earlier(third).finished() == 1


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


def test_last_a_name_its_beginning_and_a_folder_name_a_session(tmp_path: Path) -> None:
    results = tmp_path / "results"
    first, second = session(results, "20261121T1-aaa"), session(results, "20261122T1-bbb")
    (results / "latest").symlink_to(first.name)
    assert session_folder("last", results, tmp_path) == first
    assert session_folder(second.name, results, tmp_path) == second
    assert session_folder("20261122", results, tmp_path) == second
    assert session_folder("results/20261121T1-aaa", tmp_path / "elsewhere", tmp_path) == first
    assert session_folder(str(second), tmp_path / "elsewhere", tmp_path) == second


@pytest.mark.parametrize("asked", ["last", "other", "x" * 300, "../..", "/dev/null"])
def test_a_session_that_is_not_there_is_a_mistake_that_names_those_that_are(tmp_path: Path, asked: str) -> None:
    with pytest.raises(SettingsError, match=r"--sixdim-resume .*: there is no session \(.*holds no session"):
        session_folder(asked, tmp_path, tmp_path)
    names = [session(tmp_path, f"2026112{day}T1-aaa").name for day in range(5)]
    with pytest.raises(SettingsError, match=f"the latest sessions in {tmp_path}: {', '.join(names[:1:-1])}, ..."):
        session_folder(asked, tmp_path, tmp_path)


def test_a_beginning_of_several_sessions_is_a_mistake(tmp_path: Path) -> None:
    session(tmp_path, "20261121T1-aaa")
    session(tmp_path, "20261121T2-aaa")
    with pytest.raises(SettingsError, match="2 sessions begin so: 20261121T2-aaa, 20261121T1-aaa"):
        session_folder("20261121", tmp_path, tmp_path)


def test_a_name_that_cannot_be_shown_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"'a\\x00b': no session"):
        session_folder("a\0b", tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"schema": 2, "plugin": "9", "settings": {}}', "of schema 2; this version reads 1"),
        ('{"schema": 1, "name": "other"}', "not of pytest-sixdim"),
        ("[1]", "its session.json is broken"),
        ('{"schema": 1, "plu', "its session.json is broken"),
    ],
)
def test_a_folder_of_another_kind_is_refused(tmp_path: Path, text: str, why: str) -> None:
    session(tmp_path, "a").joinpath("session.json").write_text(text)
    with pytest.raises(SettingsError, match=f"--sixdim-resume a: {tmp_path}/a can't be resumed: .*{why}"):
        session_folder("a", tmp_path, tmp_path)
