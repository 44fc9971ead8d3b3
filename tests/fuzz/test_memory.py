"""No input makes a reader take memory without bound: each is read by a process that has little of it."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

#: Bytes that a reader may take beyond what the interpreter and the package have.
SPARE = 128 * 2**20


def said_in_little_memory(directory: Path, source: str) -> str:
    """What a program prints that may take SPARE bytes from the line "limit()" on."""
    prelude = f"""\
    import re, resource, sys
    from pathlib import Path

    def limit():
        used = int(re.search(r"VmSize:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
        resource.setrlimit(resource.RLIMIT_AS, (used + {SPARE},) * 2)
    """
    program = textwrap.dedent(prelude) + textwrap.dedent(source)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=directory, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def case_problems(directory: Path) -> str:
    (directory / "train.py").touch()
    source = """
    from pytest_sixdim.schema.case import load_case
    from pytest_sixdim.schema.errors import SchemaError
    limit()
    try:
        load_case(Path("x.case.yaml"), ["cpu"])
    except SchemaError as error:
        print(error)
    """
    return said_in_little_memory(directory, source)


def sparse(path: Path, size: int) -> None:
    """A file of so many NUL bytes, which takes no room."""
    with path.open("wb") as file:
        file.truncate(size)


def test_yaml_of_8_gb_is_refused_unread(tmp_path: Path) -> None:
    sparse(tmp_path / "x.case.yaml", 8 * 2**30)
    assert case_problems(tmp_path) == "x.case.yaml:1: larger than 1 MB\n"


def test_a_file_that_claims_no_size_and_has_no_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.case.yaml").symlink_to("/dev/zero")
    assert case_problems(tmp_path) == "x.case.yaml:1: cannot be read: not a regular file\n"


def test_billion_laughs_are_refused(tmp_path: Path) -> None:
    text = 'sixdim: 1\na0: &a0 "lol"\n'
    text += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    (tmp_path / "x.case.yaml").write_text(text)
    said = case_problems(tmp_path)
    assert "alias *a0: write the value out" in said
    assert len(said.splitlines()) < 60


@pytest.mark.parametrize(
    "text",
    ["".join(f"k{n}: 1\n" for n in range(90_000)), "a: 1\n" * 190_000, f"configurations: [{'{},' * 300_000}]"],
    ids=["unknown keys", "one key again and again", "empty configurations"],
)
def test_a_mistake_made_a_hundred_thousand_times_is_told_briefly(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.case.yaml").write_text(text)
    said = case_problems(tmp_path)
    assert 0 < len(said.splitlines()) < 60
    assert len(said) < 10_000


def test_a_line_of_1_gb_is_read_in_little_memory(tmp_path: Path) -> None:
    source = """
    from pytest_sixdim.agent.lines import LineSplitter
    splitter, chunk = LineSplitter(), b"x" * 2**20
    limit()
    lines = [line for _ in range(1024) for line in splitter.feed(chunk)]
    (line,) = [*lines, *splitter.finish()]
    print(len(line), line[-30:])
    """
    dropped = 2**30 - 65536
    end = f" [... {dropped} bytes dropped]"
    assert said_in_little_memory(tmp_path, source) == f"{65536 + len(end)} {('x' * 30 + end)[-30:]}\n"


def test_a_results_line_larger_than_memory_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sparse(path, 2 * SPARE)
    with path.open("ab") as file:
        file.write(b'\n{"a": 1}\n')
    source = """
    from pytest_sixdim.campaign.reading import json_lines
    limit()
    print(list(json_lines(Path("events.jsonl"))))
    """
    assert said_in_little_memory(tmp_path, source) == "[{'a': 1}]\n"


def test_a_scorecard_of_1_gb_is_refused(tmp_path: Path) -> None:
    sparse(tmp_path / "scorecard.json", 2**30)
    source = """
    from pytest_sixdim.campaign.files import read_json
    limit()
    try:
        read_json(Path("scorecard.json"))
    except OSError as error:
        print(error.strerror)
    """
    assert said_in_little_memory(tmp_path, source) == "larger than 67 MB\n"


def test_a_tool_that_never_stops_printing_is_ended(tmp_path: Path) -> None:
    source = """
    from pytest_sixdim.samplers.tool.process import Tool, ToolFailure
    limit()
    try:
        Tool({}, timeout=2.0).run(["cat", "/dev/zero"])
    except ToolFailure as failure:
        print(failure)
    """
    assert said_in_little_memory(tmp_path, source) == "cat: no answer within 2 s\n"


def test_json_of_long_paths_makes_no_copies_of_them(tmp_path: Path) -> None:
    source = """
    import json
    from pytest_sixdim.samplers.tool.json_tree import read_json
    text = json.dumps([{"a" * 400_000: {str(n): n for n in range(40_000)}, "gpu": 1}])
    limit()
    print(len(text) < 2**20, [sorted(record) for record in read_json(text, ())])
    """
    assert said_in_little_memory(tmp_path, source) == "True [['gpu']]\n"


@pytest.fixture(autouse=True)
def _linux_only(request: Any) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc")
