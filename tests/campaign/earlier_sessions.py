"""Sessions as they lie on disk, with one run, for the tests of what takes runs over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.earlier import Answer, Earlier
from pytest_sixdim.campaign.identity import identity
from pytest_sixdim.campaign.plan import RunKey
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
