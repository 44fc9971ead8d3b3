"""What the order says of an adapter, and what is read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign.adapter_records import ordered, read_evidence, variables
from pytest_sixdim.core.vendor import VendorProfile

ORDER = {"adapter": {"name": "ditorch"}}
PROFILE = VendorProfile("cpu", "CPU", "", "cores", "cpu", "gloo")


def leave(node: Path, rank: int, printed: str, pid: int = 7, **fields: Any) -> None:
    (node / "ranks").mkdir(parents=True, exist_ok=True)
    (node / "logs").mkdir(exist_ok=True)
    (node / "ranks" / f"adapter-{rank}.json").write_text(json.dumps({"rank": rank, "pid": pid, **fields}))
    (node / "logs" / f"rank-{rank}.stdout.log").write_text(printed)


def test_a_vendor_that_the_adapter_does_not_know_expects_nothing() -> None:
    record = ordered("ditorch", PROFILE)
    assert record is not None
    assert (record["architecture"], record["framework"], record["module"]) == (None, None, "ditorch")
    json.dumps(record)
    assert ordered(None, PROFILE) is None


def test_only_the_adapters_own_variables_are_written_down() -> None:
    environment = {"DITORCH_DISABLE_MOCK": "0", "LINEAR_AUTOCOMPARE_ERROR_TOLERANCE_BFLOAT16": "1", "HOME": "x"}
    assert list(variables("ditorch", {**environment, "OP_SERVICE_ACCOUNT_TOKEN": "s", "MY_DITORCH_KEY": "s"})) == [
        "DITORCH_DISABLE_MOCK",
        "LINEAR_AUTOCOMPARE_ERROR_TOLERANCE_BFLOAT16",
    ]


def test_the_banner_counts_under_the_ranks_own_pid_alone(tmp_path: Path) -> None:
    node = tmp_path / "node-0"
    leave(node, 0, "warning\nditorch: ascend torch_npu:2.1.0.post3 pid: 7\n")
    leave(node, 1, "ditorch.framework: torch_npu:2.1.0.post3  pid: 7\n")
    leave(node, 2, "ditorch: ascend torch_npu:2.1.0.post3 pid: 8\n")
    leave(node, 10, "")
    banners = {record["rank"]: record["banner"] for record in read_evidence([node], ORDER)}
    assert list(banners) == [0, 1, 2, 10]
    assert banners[0] == {"arch": "ascend", "framework": "torch_npu", "version": "2.1.0.post3", "pid": "7"}
    assert banners[1] == {"arch": None, "framework": "torch_npu", "version": "2.1.0.post3", "pid": "7"}
    assert (banners[2], banners[10]) == (None, None)


def test_half_a_record_is_as_none(tmp_path: Path) -> None:
    node = tmp_path / "node-0"
    leave(node, 0, "")
    (node / "ranks" / "adapter-1.json").write_text('{"rank": 1')
    (node / "ranks" / "adapter-2.json").write_text("[]")
    assert [record["rank"] for record in read_evidence([node], ORDER)] == [0]
    assert read_evidence([node], {"adapter": None}) == ()


@pytest.mark.parametrize(
    "record",
    [
        [],
        {"rank": "0"},
        {"rank": True},
        {"rank": -1},
        {"rank": 10.5},
        {"rank": 0, "architecture": ["a"]},
        {"rank": 0, "tool_modules": "a"},
        {"rank": 0, "variables": {"A": 1}},
    ],
)
def test_a_record_that_the_adapter_cannot_have_left_is_left_out(tmp_path: Path, record: Any) -> None:
    ranks = tmp_path / "node-0" / "ranks"
    ranks.mkdir(parents=True)
    (ranks / "adapter-0.json").write_text(json.dumps(record))
    assert read_evidence([tmp_path / "node-0"], {"adapter": {"name": "ditorch"}}) == ()
