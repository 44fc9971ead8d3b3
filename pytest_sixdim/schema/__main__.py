"""JSON schemas of the three formats, for editors: `python -m pytest_sixdim.schema` writes them beside this file.

With --check nothing is written; the exit code is 1 where one of them is out of date.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_sixdim.schema.baseline_model import BaselinesModel
from pytest_sixdim.schema.case_model import CaseModel
from pytest_sixdim.schema.model import Model
from pytest_sixdim.schema.vendor_model import VendorModel

FORMATS: dict[str, type[Model]] = {"case": CaseModel, "baselines": BaselinesModel, "vendor": VendorModel}


def schema_path(name: str) -> Path:
    """Where the JSON schema of a format is kept."""
    return Path(__file__).with_name(f"{name}.schema.json")


def schema_text(name: str) -> str:
    """The JSON schema of a format, as it is written."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **FORMATS[name].model_json_schema()}
    return json.dumps(_plain(schema), indent=1, ensure_ascii=False) + "\n"


def _plain(schema: Any) -> Any:
    """Without what only says how the models are built: null as a value (the reader refuses it), titles, and defaults
    that are no text, whole number or boolean."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _plain(value) for key, value in schema.items() if not _is_title(key, value)}
    if not isinstance(plain.get("default", ""), (str, int)):
        del plain["default"]
    choices = [choice for choice in plain.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del plain["anyOf"]
        return {**choices[0], **plain}
    return {**plain, "anyOf": choices} if choices else plain


def _is_title(key: str, value: Any) -> bool:
    """A key called title is a schema's title where it holds text, a property of that name where it holds a schema."""
    return key == "title" and isinstance(value, str)


def _kept(name: str) -> str | None:
    path = schema_path(name)
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the schemas; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pytest_sixdim.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a schema is out of date")
    check = parser.parse_args(arguments).check
    stale = [name for name in FORMATS if _kept(name) != schema_text(name)]
    for name in stale:
        if not check:
            schema_path(name).write_text(schema_text(name), encoding="utf-8")
        print(f"{schema_path(name).name}: {'out of date' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
