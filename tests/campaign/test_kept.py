"""A run of an earlier session that is damaged, or a stranger's: launched again, or taken over without harm."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.earlier_sessions import made, session, take


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
