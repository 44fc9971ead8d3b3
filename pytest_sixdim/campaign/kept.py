"""A run as an earlier session left it, in a folder that may come from anybody: read and copied with care."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_sixdim.agent.recorder import complaint
from pytest_sixdim.campaign.host import device_of
from pytest_sixdim.campaign.reading import json_lines, read_run
from pytest_sixdim.campaign.survey import Calibration
from pytest_sixdim.core.files import read_bounded
from pytest_sixdim.core.records import CHANNELS, RunRecord

#: Bytes of a JSON file that is read.
LARGEST = 16 * 2**20
#: What of a run's folder is copied, besides its nodes' folders: the program's working directory stays where it is.
RECORDS = ("order.json", "run.json", "result.json", "lease.json")
#: Readings that may be missing: the last one, where its line could not be written.
SPARE = 1


class Unusable(Exception):
    """Why a run of an earlier session can't be used again, in a few words."""


def read_record(path: Path) -> dict[str, Any]:
    """A JSON object. Raises Unusable, and FileNotFoundError where there is none."""
    try:
        if path.is_symlink():
            raise Unusable(f"its {path.name} is a link")
        record = json.loads(read_bounded(path, LARGEST))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unusable(f"its {path.name} can't be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise Unusable(f"its {path.name} is broken") from None
    if not isinstance(record, dict):
        raise Unusable(f"its {path.name} is broken")
    return record


def copy_run(source: Path, target: Path) -> None:
    """Copy a run's records and its nodes' folders: as further names of the same files where that is possible.

    Links, pipes and the like are left out. Raises OSError.
    """
    for place, folders, names in os.walk(source):
        inside = Path(place).relative_to(source)
        at_top = inside == Path()
        (target / inside).mkdir(parents=True, exist_ok=True)
        if at_top:
            folders[:] = [name for name in folders if name.startswith("node-")]
        for name in names:
            if name in RECORDS if at_top else not name.startswith("."):
                _copy_file(Path(place, name), target / inside / name)


def _copy_file(source: Path, target: Path) -> None:
    status = source.lstat()
    if not stat.S_ISREG(status.st_mode):
        return
    if status.st_uid == os.geteuid():  # somebody else could go on changing the file
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:  # another file system, or one that knows no second names
            pass
        else:
            if not stat.S_ISREG(target.lstat().st_mode):
                target.unlink()
            return
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as content, target.open("xb") as copy:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            shutil.copyfileobj(content, copy)


def whole_run(directory: Path) -> RunRecord:
    """A run all of whose files are there and whole. Raises Unusable."""
    try:
        record = read_run(directory)
        _check_order(record.order)
        _check_cost(record.result.sampler)
    except (OSError, ValueError) as error:
        raise Unusable(complaint(error).replace(f"{directory}/", "its ")) from None
    if record.result.status == "agent_lost":  # no run comes here that ended so: its events were cut short
        raise Unusable(record.result.message.replace(f"{directory}/", "its "))
    for node in range(record.order["nodes"]):
        for name in ("events.jsonl", "samples.jsonl"):
            _check_lines(directory, f"node-{node}/{name}")
    wanted = record.result.sampler.get("readings")
    found = _readings(directory / "node-0" / "samples.jsonl")
    if isinstance(wanted, int) and found < wanted - SPARE:
        raise Unusable(f"its samples.jsonl holds {found} of {wanted} readings")
    return record


def _check_order(order: Mapping[str, Any]) -> None:
    """Raises ValueError where what figures are worked out from is broken."""
    try:
        for device in order["devices"]:
            device_of(device)
        for card in order["calibration"]:
            Calibration(**card)
        whole = isinstance(order["nodes"], int) and isinstance(order["cards"], int) and 0 < order["nodes"] < 10**4
    except (KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise ValueError("its order.json is broken")


def _check_cost(sampler: Mapping[str, Any]) -> None:
    """Raises ValueError where something that is a number is none."""
    told = [sampler, *(own for own in sampler.values() if isinstance(own, dict))]
    for name in ("cpu_seconds", "reading_cpu_seconds", "period_p50", "period_p99", "period_max", "gaps"):
        for cost in told:
            if not isinstance(cost.get(name), (int, float, type(None))):
                raise ValueError(f"its result.json is broken: {name} of the sampler is no number")


def _check_lines(directory: Path, name: str) -> None:
    """Raises Unusable where a file of lines is missing, or ends within a line."""
    try:
        with (directory / name).open("rb") as file:
            file.seek(-1, os.SEEK_END)
            ends = file.read(1) == b"\n"
    except FileNotFoundError:
        raise Unusable(f"its {name} is missing") from None
    except OSError:  # it is empty
        ends = False
    if not ends:
        raise Unusable(f"its {name} ends within a line")


def _readings(path: Path) -> int:
    return sum(1 for line in json_lines(path) if CHANNELS.keys() & line.keys())
