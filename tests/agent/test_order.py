"""Reading order.json, and what a wrong one leads to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.agent.order import Limits, OrderError, Plugin, read_order
from pytest_sixdim.samplers import Device
from tests.agent.conftest import HANGS, TEARDOWN, Job

MISSING = object()


def changed(job: Job, key: str, value: Any) -> Path:
    """An order of which one key (a.b: in an object, a.0.b: in the first of a list) is replaced or left out."""
    path = job.order()
    order = json.loads(path.read_text())
    *parents, last = key.split(".")
    place = order
    for parent in parents:
        place = place[int(parent)] if parent.isdigit() else place[parent]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    path.write_text(json.dumps(order))
    return path


def test_a_good_order_is_read(job: Job) -> None:
    sampler = {
        "name": "rapl",
        "class": "pytest_sixdim.samplers.rapl:RaplSampler",
        "channels": ["energy"],
        "options": {},
    }
    device = {"index": 4, "id": "GPU-1", "name": "H200", "total_bytes": 80, "cores": [2, 3]}
    order = read_order(job.order(samplers=[sampler], devices=[device], environment={"A": "1", "B": None}))
    assert order.directory == job.directory
    assert order.devices == (Device(4, "GPU-1", "H200", 80, (2, 3)),)
    assert order.samplers == (Plugin("rapl", "pytest_sixdim.samplers.rapl:RaplSampler", {}, ("energy",)),)
    assert order.environment == {"A": "1", "B": None}
    assert order.limits == Limits(timeout=HANGS, stall=HANGS / 2, teardown=TEARDOWN)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("cards", MISSING, "'cards' is missing"),
        ("cards", "2", "'cards' must be int, not '2'"),
        ("cards", True, "'cards' must be int, not True"),
        ("cards", 2, "one device a card: 1 for 2"),
        ("schema", 2, "'schema' must be 1, not 2"),
        ("launch", "horovod", "'launch' must be 'torchrun' or 'command' or 'msrun' or 'paddle' or 'mpirun', not"),
        ("nodes", 2, "one node only"),
        ("role", "half", "'role' must be 'full' or 'window', not 'half'"),
        ("program", None, "exactly one of 'program' and 'command'"),
        ("command", ["train"], "exactly one of 'program' and 'command'"),
        ("args", [1], "'args' must hold str, not 1"),
        ("environment.A", 1, "'environment.A' must be a text or null, not 1"),
        ("limits.stall", MISSING, "'limits.stall' is missing"),
        ("limits.stall", "30 s", "'limits.stall' must be float, not '30 s'"),
        ("devices.0.id", MISSING, "'devices[0].id' is missing"),
        ("samplers", [{"name": "x", "class": "x:X", "options": {}, "channels": ["heat"]}], "unknown channel 'heat'"),
        ("log.stream", "stdin", "'stream' must be 'both' or 'stdout' or 'stderr'"),
        ("log.rank", 1, "'log.rank' must be 'last', 'all' or a number below 1, not 1"),
        ("log.file", "../other/*.log", "'log.file' must be a path below the directory"),
        ("dialect", [], "'dialect' must be dict"),
    ],
)
def test_a_wrong_order_names_the_key(job: Job, key: str, value: Any, message: str) -> None:
    with pytest.raises(OrderError) as error:
        read_order(changed(job, key, value))
    assert message in str(error.value)
    assert "order.json" in str(error.value)


def agent(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "pytest_sixdim.agent", str(path)], capture_output=True, text=True)


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}', '{"schema": '])
def test_the_agent_refuses_a_wrong_order_with_a_result(tmp_path: Path, text: str) -> None:
    path = tmp_path / "order.json"
    path.write_text(text)
    refused = agent(path)
    assert refused.returncode == 2
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["schema"], result["status"], result["ended_by"]) == (1, "launch_error", "agent")
    assert result["message"] == refused.stderr.strip()


def test_an_order_that_is_not_there_is_refused_likewise(tmp_path: Path) -> None:
    assert agent(tmp_path / "order.json").returncode == 2
    assert "No such file" in json.loads((tmp_path / "result.json").read_text())["message"]


@pytest.mark.parametrize(
    ("dialect", "message"),
    [
        ({"name": "mine", "class": "nowhere:Mine", "options": {}}, "No module named 'nowhere'"),
        ({"name": "mine", "class": "json:Mine", "options": {}}, "has no attribute 'Mine'"),
        ({"name": "sixdim", "class": "pytest_sixdim.dialects.sixdim:SixdimDialect", "options": {"x": 1}}, "argument"),
    ],
)
def test_a_dialect_that_cannot_be_made_is_a_launch_error(job: Job, dialect: dict[str, Any], message: str) -> None:
    result = job.run("print('never')", dialect=dialect)
    assert result["status"] == "launch_error"
    assert message in result["message"]
    assert not (job.node / "ranks").exists()


def test_the_agents_usage_is_told(tmp_path: Path) -> None:
    refused = subprocess.run([sys.executable, "-m", "pytest_sixdim.agent"], capture_output=True, text=True)
    assert (refused.returncode, refused.stderr) == (2, "usage: python -m pytest_sixdim.agent ORDER.json\n")


def test_the_agent_imports_the_standard_library_only() -> None:
    script = (
        "import sys; import pytest_sixdim.agent.__main__, pytest_sixdim.launchers.local, pytest_sixdim.dialects.sixdim,"
        "pytest_sixdim.samplers.rapl, pytest_sixdim.samplers.process_memory\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names))"
    )
    root = Path(__file__).parents[2]
    shown = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert set(shown.stdout.split()) <= {"__main__", "pytest_sixdim"}


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("args", ["a\0b"], "'args' must not hold a NUL character"),
        ("python", "\0", "'python' must not hold a NUL character"),
        ("environment", {"A": "\0"}, "'environment.A' must not hold a NUL character"),
        ("environment", {"A=B": "1"}, "'environment': no variable can have the name 'A=B'"),
        ("environment", {"": "1"}, "'environment': no variable can have the name ''"),
        ("limits.timeout", float("nan"), "'limits.timeout' must be a finite number, not nan"),
        ("limits.stall", float("inf"), "'limits.stall' must be a finite number, not inf"),
        ("log.file", "a**b", "'log.file' may have one '**', as a directory of its own"),
        ("log.file", ".", "'log.file' must name a file"),
        ("log.file", "a/../../b", "'log.file' must be a path below the directory, without '..'"),
    ],
)
def test_an_order_that_nothing_can_carry_out_is_refused(job: Job, key: str, value: Any, error: str) -> None:
    with pytest.raises(OrderError, match=error.replace("*", r"\*")):
        read_order(changed(job, key, value))


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b'{"a":' * 3000])
def test_what_is_no_json_is_refused(job: Job, content: bytes) -> None:
    path = job.order()
    path.write_bytes(content)
    with pytest.raises(OrderError, match="no JSON"):
        read_order(path)
