"""Stub cards of NVIDIA's under the real agent: what of their readings, facts and failures reaches the records."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_sixdim.core.records import CHANNELS
from tests.agent.conftest import Job
from tests.stubs.nvml import NvmlStub, Square, Steady, StubCard

NVML = {"name": "nvml", "class": "pytest_sixdim.samplers.nvml:NvmlSampler", "channels": list(CHANNELS), "options": {}}
PROGRAM = """
event("warmup_end")
time.sleep(0.6)
segment(1)
time.sleep(0.6)
segment(2)
event("end", status="success")
"""


def run(
    job: Job, stub: NvmlStub, monkeypatch: pytest.MonkeyPatch, *cards: StubCard
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Summary of the sampler, and the lines of samples.jsonl."""
    for name, value in stub.play(cards).environment.items():
        monkeypatch.setenv(name, value)
    devices = [
        {"index": n, "id": f"card {n}", "name": "card", "total_bytes": None, "cores": None, "uuid": card.uuid}
        for n, card in enumerate(cards)
    ]
    result = job.run(PROGRAM, cards=len(cards), samplers=[NVML], devices=devices)
    assert result["status"] == "completed"
    return dict(result["sampler"]), job.lines("samples.jsonl")


def test_readings_of_the_right_cards_are_written_with_their_sources(
    job: Job, nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = (StubCard(Steady(200.0), uuid="GPU-a"), StubCard(Square(300.0, 500.0, 0.3), uuid="GPU-b"))
    summary, (head, *lines) = run(job, nvml_stub, monkeypatch, *cards)
    assert head["sources"].keys() == CHANNELS.keys()
    assert head["unavailable"] == {}
    readings = [line for line in lines if "power" in line]
    assert {line["power"][0] for line in readings} == {200.0}
    assert all(300.0 <= line["power"][1] <= 500.0 for line in readings)
    assert readings[-1]["energy"][0] > readings[0]["energy"][0]
    assert any("slowdown_power" in line and "clock" in line for line in readings)
    assert summary["nvml"]["library"] == str(nvml_stub.library)
    assert summary["errors"] == 0


def test_facts_of_the_cards_are_written(job: Job, nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"limit": "400,700", "xid": "0.5,13"}
    _, (_, *lines) = run(job, nvml_stub, monkeypatch, StubCard(uuid="GPU-a", words=words))
    facts = [line["facts"][0] for line in lines if "facts" in line]
    assert facts[0]["power_limit_watts"] == 400.0
    assert facts[-1]["xids"] == [13]


def test_why_a_channel_cannot_be_read_is_written(
    job: Job, nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, (head, *_) = run(job, nvml_stub, monkeypatch, StubCard(uuid="GPU-a", words={"without": "energy", "mig": 1}))
    assert head["unavailable"]["energy"] == "nvml: divided (MIG): no sensor tells a card's parts apart"


def test_a_card_that_is_lost_midway_is_written_once_and_the_others_go_on(
    job: Job, nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = (StubCard(Steady(200.0), uuid="GPU-a", words={"lost": 1.0}), StubCard(Steady(300.0), uuid="GPU-b"))
    summary, (_, *lines) = run(job, nvml_stub, monkeypatch, *cards)
    assert [line["error"] for line in lines if "error" in line] == ["nvml: card 0: GPU is lost"]
    assert [line["power"] for line in lines if "power" in line][-1] == [None, 300.0]
    assert summary["errors"] == 1
