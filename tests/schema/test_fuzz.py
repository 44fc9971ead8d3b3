"""Whatever a file holds, it loads or is refused with messages of one line each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_sixdim.core.case import Case
from pytest_sixdim.schema import reader
from pytest_sixdim.schema.baseline import load_baselines
from pytest_sixdim.schema.case import load_case
from pytest_sixdim.schema.case_model import CaseModel
from pytest_sixdim.schema.errors import SchemaError
from pytest_sixdim.schema.vendor import load_vendor

KEY_WORDS = """vendor precision batch_size cards nodes args program command band unit target better entries speed
    memory limits units samplers peaks rank"""
WORDS = """1 -1 0 1e400 .nan {data} { train.py cpu fp32 higher true ~ '' "%" dB *a - a:b:c"""
PHRASES = [
    "1 %",
    "-5 %",
    "12 h",
    "baseline - 1",
    "&a x",
    "!!int 3",
    "\t",
    "\0",
    "'\x7f'",
    '"\\ud800"',
    "a: b: c",
    "9" * 80,
]
KEYS = st.sampled_from([*CaseModel.model_fields, *KEY_WORDS.split()])
SCALARS = st.sampled_from([*WORDS.split(), *PHRASES])


def flow(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    lists = st.lists(children, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    mappings = st.lists(st.tuples(KEYS, children), max_size=4).map(
        lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
    )
    return lists | mappings


VALUES = st.recursive(SCALARS, flow, max_leaves=8)
NEAR_CASES = st.lists(st.tuples(KEYS, VALUES), max_size=8).map(
    lambda pairs: "".join(f"{key}: {value}\n" for key, value in [("sixdim", "1"), *pairs]).encode()
)


def tolerated(load: Callable[[Path], Any], path: Path) -> None:
    try:
        load(path)
        return
    except SchemaError as error:
        refusal = error
    lines = str(refusal).split("\n")
    assert len(lines) == len(refusal.problems) > 0
    assert all(line.startswith(f"{path.name}:") and len(line) < 1000 for line in lines)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("fuzz")
    (directory / "train.py").touch()
    return directory


@pytest.fixture(scope="module")
def case(directory: Path) -> Case:
    path = directory / "good.case.yaml"
    path.write_text(
        "sixdim: 1\nname: good\nmetric: {name: top1, better: higher, target: 1}\ntrain: {program: train.py}\n"
        "configurations: [{vendor: cpu, precision: fp32, batch_size: 1}]\n"
    )
    return load_case(path, ["cpu"])


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode(errors="ignore")) | NEAR_CASES)
@example(content=b'sixdim: "\\ud800"')
@example(content=b"train: {program: " + b"x/" * 3000 + b"}")
@example(content=b"? " * 50)
@example(content=b"x" * 100_000 + b": 1")
@example(content=b"a: {" * 40)
def test_any_content_loads_or_is_refused(directory: Path, case: Case, content: bytes) -> None:
    path = directory / "any.yaml"
    path.write_bytes(content)
    tolerated(lambda path: load_case(path, ["cpu", "nvidia"]), path)
    tolerated(lambda path: load_baselines(path, case), path)
    tolerated(load_vendor, path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(content=NEAR_CASES)
def test_any_content_is_tolerated_without_the_c_library_too(
    directory: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(reader, "_Parser", yaml.SafeLoader)
    path = directory / "any.yaml"
    path.write_bytes(content)
    tolerated(lambda path: load_case(path, ["cpu", "nvidia"]), path)


@pytest.mark.parametrize("opening", [b"[", b"{", b"- ", b"? ", b"a: ["])
def test_deep_nesting_is_refused_at_once(directory: Path, case: Case, opening: bytes) -> None:
    path = directory / "deep.yaml"
    path.write_bytes(b"a: " + opening * (900_000 // len(opening)))
    tolerated(lambda path: load_case(path, ["cpu"]), path)
