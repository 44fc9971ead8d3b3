"""Files that are whole at every moment."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from pytest_sixdim.agent.recorder import EventLog, JsonLines, write_atomically
from pytest_sixdim.core.events import Progress, event_from


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_head_ties_the_monotonic_clock_to_the_time_of_day(tmp_path: Path) -> None:
    JsonLines(tmp_path / "x.jsonl", {"cards": []}).close()
    head = lines(tmp_path / "x.jsonl")[0]
    assert head["schema"] == 1
    assert head["cards"] == []
    offset = float(str(head["unix"])) - float(str(head["monotonic"]))
    assert offset == pytest.approx(time.time() - time.monotonic(), abs=1.0)
    assert head["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_an_event_is_on_disk_as_soon_as_it_is_recorded_and_reads_back_the_same(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    event = Progress(t=1.0, seen=2.0, rank=3, step=4, loss=None, diverged=True)
    log.event(event)
    record = lines(tmp_path / "events.jsonl")[1]
    assert event_from(record, seen=0.0, rank=0) == event
    log.close()


def test_nan_never_reaches_a_file(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "x.jsonl")
    with pytest.raises(ValueError, match="JSON"):
        log.write({"x": float("nan")})
    log.close()
    assert len(lines(tmp_path / "x.jsonl")) == 1


def test_a_result_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_atomically(path, {"status": "completed"})
    with pytest.raises(ValueError, match="JSON"):
        write_atomically(path, {"status": float("inf")})
    assert json.loads(path.read_text()) == {"status": "completed"}
