"""Stub cards of NVIDIA's under the real agent: what of their readings, facts and failures reaches the records."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_sixdim.core.records import CHANNELS
from tests.agent.conftest import Job
from tests.stubs.nvml import NvmlStub, Square, Steady, StubCard

NVML = {"name": "nvml", "class": "pytest_sixdim.samplers.nvml:NvmlSampler", "channels": list(CHANNELS), "options": {}}
#: At 5 s on the stub's clock something happens; the first argument is the file with that clock, the second what appears
#: in samples.jsonl before, the third what appears then, the fourth that file.
PROGRAM = """
import struct
def clock(t):
    with open(sys.argv[1], "r+b") as file:
        file.write(struct.pack("d", t))
wait_for(sys.argv[4], sys.argv[2])
event("warmup_end")
clock(5.0)
wait_for(sys.argv[4], sys.argv[3])
segment(1)
segment(2)
event("end", status="success")
"""


def run(
    job: Job,
    stub: NvmlStub,
    monkeypatch: pytest.MonkeyPatch,
    *cards: StubCard,
    before: str = '"power": [',
    appears: str = "",
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Summary of the sampler, and the lines of samples.jsonl."""
    playing = stub.play(cards, manual=True)
    for name, value in playing.environment.items():
        monkeypatch.setenv(name, value)
    devices = [
        {"index": n, "id": f"card {n}", "name": "card", "total_bytes": None, "cores": None, "uuid": card.uuid}
        for n, card in enumerate(cards)
    ]
    args = [str(playing.clock), before, appears, str(job.node / "samples.jsonl")]
    result = job.run(PROGRAM, cards=len(cards), samplers=[NVML], devices=devices, args=args)
    assert result["status"] == "completed"
    return dict(result["sampler"]), job.lines("samples.jsonl")


def test_readings_of_the_right_cards_are_written_with_their_sources(
    job: Job, nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = (StubCard(Steady(200.0), uuid="GPU-a"), StubCard(Square(300.0, 500.0, 10.0, 0.1), uuid="GPU-b"))
    summary, (head, *lines) = run(job, nvml_stub, monkeypatch, *cards, appears="101000.0")
    assert head["sources"].keys() == CHANNELS.keys()
    assert head["unavailable"] == {}
    readings = [line for line in lines if "power" in line]
    assert {tuple(line["power"]) for line in readings} == {(200.0, 300.0)}
    assert (readings[0]["energy"], readings[-1]["energy"]) == ([100_000.0, 100_000.0], [101_000.0, 101_700.0])
    assert any("slowdown_power" in line and "clock" in line for line in readings)
    assert summary["nvml"]["library"] == str(nvml_stub.built)
    assert summary["errors"] == 0


def test_facts_of_the_cards_are_written(job: Job, nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"limit": "400,700", "xid": "5,13"}
    _, (_, *lines) = run(job, nvml_stub, monkeypatch, StubCard(uuid="GPU-a", words=words))
    facts = [line["facts"][0] for line in lines if "facts" in line]
    assert facts[0]["power_limit_watts"] == 400.0
    assert facts[-1]["xids"] == [13]


def test_why_a_channel_cannot_be_read_is_written(
    job: Job, nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    divided = StubCard(uuid="GPU-a", words={"without": "energy", "mig": 1})
    _, (head, *_) = run(job, nvml_stub, monkeypatch, divided, before="")
    assert head["unavailable"]["energy"] == "nvml: divided (MIG): no sensor tells a card's parts apart"


def test_a_card_that_is_lost_midway_is_written_once_and_the_others_go_on(
    job: Job, nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = (StubCard(Steady(200.0), uuid="GPU-a", words={"lost": 5.0}), StubCard(Steady(300.0), uuid="GPU-b"))
    summary, (_, *lines) = run(job, nvml_stub, monkeypatch, *cards, appears="GPU is lost")
    assert [line["error"] for line in lines if "error" in line] == ["nvml: card 0: GPU is lost"]
    assert [line["power"] for line in lines if "power" in line][-1] == [None, 300.0]
    assert summary["errors"] == 1
