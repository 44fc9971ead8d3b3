"""The JSON schemas for editors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.schema import __main__ as command


@pytest.mark.parametrize("name", sorted(command.FORMATS))
def test_json_schema_is_current(name: str) -> None:
    kept = command.schema_path(name).read_text(encoding="utf-8")
    assert kept == command.schema_text(name), "run python -m pytest_sixdim.schema"


def test_check_fails_for_a_stale_schema_and_writing_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "schema_path", lambda name: tmp_path / f"{name}.schema.json")
    (tmp_path / "case.schema.json").write_text("{}")
    assert command.main(["--check"]) == 1
    assert "case.schema.json: out of date" in capsys.readouterr().out
    assert (tmp_path / "case.schema.json").read_text() == "{}"
    assert command.main([]) == 0
    assert command.main(["--check"]) == 0


def test_check_runs_as_a_command() -> None:
    subprocess.run([sys.executable, "-m", "pytest_sixdim.schema", "--check"], check=True)


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


@pytest.mark.parametrize("name", sorted(command.FORMATS))
def test_json_schema_allows_no_unknown_keys_and_no_null(name: str) -> None:
    schema = json.loads(command.schema_text(name))
    # What else stands in `log` are the log format's own options.
    loose = schema["$defs"].pop("LogModel", None)
    assert (loose is not None) == (name == "case")
    assert all(found["additionalProperties"] is False for found in objects(schema))
    assert '"null"' not in json.dumps(json.loads(command.schema_text(name)))


def test_json_schema_requires_what_the_format_requires() -> None:
    schema = json.loads(command.schema_text("case"))
    assert schema["required"] == ["sixdim", "name", "metric", "train", "configurations"]
    assert schema["properties"]["title"] == {"type": "string"}
