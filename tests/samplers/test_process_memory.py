"""Memory of real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_sixdim.samplers import Device, Node, SamplerUnavailable, make_sampler
from pytest_sixdim.samplers import process_memory as module
from pytest_sixdim.samplers.process_memory import ProcessMemorySampler
from pytest_sixdim.samplers.process_tree import Process, descendants, processes

MB = 1_000_000
#: A process whose child holds 200 MB and whose grandchild, an ended one, is never waited for.
TREE = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "x = bytearray(b'1') * 200_000_000;"
    "import os, subprocess; ended = subprocess.Popen(['true']);"
    "os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT); print(1, flush=True);"
    "import time; time.sleep(600)"], stdout=subprocess.PIPE)
child.stdout.readline()
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    os.killpg(process.pid, 9)
    process.communicate()


def opened(directory: Path, *pids: int | None) -> ProcessMemorySampler:
    (directory / "ranks").mkdir()
    for rank, pid in enumerate(pids):
        if pid is not None:
            (directory / "ranks" / f"rank-{rank}.json").write_text(json.dumps({"rank": rank, "pid": pid}))
    sampler = ProcessMemorySampler()
    devices = tuple(Device(i, str(i), "core") for i in range(len(pids)))
    assert set(sampler.open(Node(devices, directory), ("memory",))) == {"memory"}
    return sampler


def readings(sampler: ProcessMemorySampler) -> list[float | None]:
    return sampler.read({"memory"})["memory"]


def test_the_memory_of_a_rank_is_that_of_its_whole_tree(tmp_path: Path, tree: subprocess.Popen[str]) -> None:
    (whole, absent) = readings(opened(tmp_path, tree.pid, None))
    assert whole is not None
    assert 205 * MB < whole < 280 * MB
    assert absent is None


def test_the_memory_of_one_process_is_not_divided_among_its_cards(tmp_path: Path) -> None:
    devices = tuple(Device(index, str(index), "core") for index in range(2))
    with pytest.raises(SamplerUnavailable, match="one process has all 2 cards"):
        ProcessMemorySampler().open(Node(devices, tmp_path, one_process=True), ("memory",))


def test_one_process_on_one_card_is_read(tmp_path: Path) -> None:
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks" / "rank-0.json").write_text(json.dumps({"rank": 0, "pid": os.getpid()}))
    sampler = ProcessMemorySampler()
    assert set(sampler.open(Node((Device(0, "0", "core"),), tmp_path, one_process=True), ("memory",))) == {"memory"}
    (reading,) = readings(sampler)
    assert reading is not None
    assert reading > MB


def test_pages_that_are_shared_are_counted_once(tmp_path: Path) -> None:
    script = (
        "import os, time\nx = bytearray(b'1') * 100_000_000\n"
        "os.fork() and print('up', flush=True)\nsum(x[::4096])\ntime.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        (whole,) = readings(opened(tmp_path, process.pid))
        assert whole is not None
        assert 100 * MB < whole < 150 * MB
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def test_a_rank_that_has_ended_is_none_and_not_0(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    zombie = subprocess.Popen(["true"])
    ended.wait()
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    assert readings(opened(tmp_path, ended.pid, zombie.pid)) == [None, None]
    zombie.wait()


def test_a_process_that_vanishes_while_it_is_read_makes_the_reading_none(
    tmp_path: Path, tree: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sampler = opened(tmp_path, tree.pid)
    gone = subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setattr(module, "processes", lambda: [Process(gone.pid, tree.pid, "R")])
    assert readings(sampler) == [None]


def test_a_record_that_is_being_written_is_none(tmp_path: Path) -> None:
    sampler = opened(tmp_path, None)
    (tmp_path / "ranks" / "rank-0.json").write_text('{"pid"')
    assert readings(sampler) == [None]


def test_readings_are_as_rare_as_they_are_costly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, cpu = 1000.0, 0.0
    sampler = opened(tmp_path, os.getpid())
    monkeypatch.setattr(module.time, "monotonic", lambda: clock)
    monkeypatch.setattr(module.time, "thread_time", lambda: cpu)

    def costly() -> list[Process]:
        nonlocal cpu
        cpu += 0.015
        return []

    monkeypatch.setattr(module, "processes", costly)
    answered = []
    for clock in range(1000, 1010):
        if sampler.read({"memory"}):
            answered.append(clock)
    assert answered == [1000, 1003, 1006, 1009]  # 200 x 15 ms
    assert sampler.summary() == pytest.approx({"interval_max": 3.0, "read_max": 0.015})


def test_a_kernel_without_smaps_rollup_gives_the_resident_set_by_that_name(
    tmp_path: Path, tree: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(pid: int) -> int:
        raise FileNotFoundError(pid)

    monkeypatch.setattr(module, "_proportional", missing)
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks" / "rank-0.json").write_text(json.dumps({"pid": tree.pid}))
    sampler = ProcessMemorySampler()
    sources = sampler.open(Node((Device(0, "0", "core"),), tmp_path), ("memory",))
    assert sources["memory"].method == "resident set size"
    (whole,) = readings(sampler)
    assert whole is not None
    assert 205 * MB < whole < 300 * MB


def test_other_channels_are_not_offered(tmp_path: Path) -> None:
    with pytest.raises(SamplerUnavailable, match="memory only"):
        ProcessMemorySampler().open(Node((), tmp_path), ("power",))


def test_it_is_made_by_name() -> None:
    assert isinstance(make_sampler("process_memory", {}), ProcessMemorySampler)


def test_a_tree_of_processes_is_followed_downwards_only() -> None:
    among = [Process(2, 1, "S"), Process(3, 2, "S"), Process(4, 3, "Z"), Process(5, 9, "S"), Process(9, 1, "S")]
    assert sorted(process.pid for process in descendants(2, among)) == [3, 4]
    assert descendants(7, among) == []


def test_a_name_with_brackets_and_spaces_does_not_confuse(tmp_path: Path) -> None:
    program = tmp_path / "a) R (b"
    program.write_text("#!/bin/sh\nsleep 600\n")
    program.chmod(0o755)
    process = subprocess.Popen([program], start_new_session=True)
    try:
        found = {each.pid: each for each in processes()}[process.pid]
        assert found.parent == os.getpid()
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def test_the_window_begins_with_a_reading_however_dear_the_last_was(
    tmp_path: Path, tree: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MINIMUM_INTERVAL", 1000.0)
    sampler = opened(tmp_path, tree.pid)
    assert sampler.read({"memory"})
    assert sampler.read({"memory"}) == {}
    sampler.due_now()
    assert sampler.read({"memory"})
    assert sampler.read({"memory"}) == {}
