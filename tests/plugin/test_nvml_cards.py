"""The whole plugin on stub cards of NVIDIA's: what the scorecards say, beside what the traces know to be true."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest

from pytest_sixdim.core.quantities import GIB
from tests.plugin.conftest import Bench
from tests.stubs.nvml import NvmlStub, Playing, Ramp, Square, Steady, StubCard

UUIDS = [f"GPU-{number:08x}-1111-2222-3333-444444444444" for number in range(1, 9)]
#: As torch prints them.
PLAIN = ",".join(uuid.removeprefix("GPU-") for uuid in UUIDS[:2])
LIMITS = "limits: {{power: 320 W, memory: 5 GiB, speed: {speed} samples/s}}"
SPEED = "speed or power or memory"
#: Counters are read as fast as it goes at a session's start: so long that one that ticks ten times a second is seen.
HURRY = "import pytest_sixdim.campaign.calibration as calibration\ncalibration.SECONDS = 0.5\n"
#: A flag that a busy machine may well have.
BUSY = "the segments' speeds vary by "


class Cards:
    """A bench whose host has cards of NVIDIA's."""

    def __init__(self, bench: Bench, stub: NvmlStub, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self.stub = stub
        self._monkeypatch = monkeypatch
        (bench.path / "conftest.py").write_text(HURRY)

    def play(self, *cards: StubCard, **node: Any) -> Playing:
        """Have these cards from now on."""
        playing = self.stub.play(cards, **node)
        for name, value in playing.environment.items():
            self._monkeypatch.setenv(name, value)
        return playing

    def run(self, number: int, *args: str, speed: int = 1, options: tuple[str, ...] = ()) -> pytest.RunResult:
        """Speed, power and memory of a case on all cards; `args` are the program's, `speed` its limit."""
        configuration = f"  - {{vendor: nvidia, precision: fp32, batch_size: 32, cards: [{number}]}}"
        self.bench.case("tiny", *args, extra=LIMITS.format(speed=speed), configurations=configuration)
        return self.bench.run("--sixdim-vendor", "nvidia", "-m", SPEED, *options)

    def dimensions(self, number: int) -> dict[str, Any]:
        return dict(self.bench.scorecard(f"nvidia-fp32-bs32-1x{number}")["dimensions"])

    def window(self, number: int) -> tuple[float, float]:
        """When the counted segments began and ended, as the program says, monotonic s."""
        path = self.bench.session / "tiny" / f"nvidia-fp32-bs32-1x{number}" / "window-1" / "node-0" / "events.jsonl"
        events = [json.loads(line) for line in path.read_text().splitlines()]
        return (
            next(event["t"] for event in events if event.get("event") == "warmup_end"),
            [event["t"] for event in events if event.get("event") == "segment"][-1],
        )


@pytest.fixture
def cards(bench: Bench, nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch) -> Cards:
    return Cards(bench, nvml_stub, monkeypatch)


def card(number: int, power: Steady | Square | Ramp, **words: Any) -> StubCard:
    return StubCard(power, uuid=UUIDS[number], words=words)


def test_the_scorecard_says_what_the_cards_did(cards: Cards) -> None:
    """The one full window of this file: 30 s are the least that power is measured over."""
    playing = cards.play(
        card(0, Square(200.0, 350.0, 2.0, 0.3), slow_power="0,0.25", limit="400,700", memory="2048,81559,512"),
        card(1, Ramp(250.0, 350.0, 60.0), memory="4096,81559,512"),
    )
    result = cards.run(2, "--cards", PLAIN, "--segment", "6.2")
    result.assert_outcomes(passed=3)
    result.stdout.re_match_lines([r"sixdim: vendor nvidia .*, 2 cards: NVIDIA H200", r"sixdim: energy counter: tick 1"])
    begin, end = cards.window(2)
    truth = [playing.joules(number, begin, end) / (end - begin) for number in (0, 1)]
    speed, power, memory = (cards.dimensions(2)[name] for name in ("speed", "power", "memory"))
    detail = power["detail"]
    assert power["value"] == pytest.approx(sum(truth) / 2, rel=0.005)
    assert [meter["watts"] for meter in detail["meters"]] == pytest.approx(truth, rel=0.005)
    assert [meter["polled_watts"] for meter in detail["meters"]] == pytest.approx(truth, rel=0.03)
    assert (detail["method"], detail["scope"], detail["sampler"]) == ("counter", "card", "nvml")
    assert detail["tick_seconds"] == pytest.approx(0.1, rel=0.2)
    assert detail["joules_per_sample"] == pytest.approx(sum(truth) * (end - begin) / (5 * 50 * 32 * 2), rel=0.01)
    assert detail["throttled"] == {
        "hardware slowdown": 0.0,
        "thermal slowdown": 0.0,
        "power cap": pytest.approx(0.25, rel=0.05),
    }
    assert (detail["power_cap_watts"], detail["power_limit_watts"]) == (400.0, 400.0)
    assert memory["value"] == pytest.approx(4096 * 2**20 / GIB)
    assert (memory["detail"]["fullest_card"], memory["detail"]["method"]) == (1, "NVML v2, without reserved")
    assert memory["detail"]["total_gib"] == pytest.approx(81559 * 2**20 / GIB)
    assert speed["value"] == pytest.approx(5 * 50 * 32 * 2 / (end - begin), rel=0.005)
    for dimension in (speed, power, memory):  # known by UUID, used by nobody else, without an error
        assert {flag for flag in dimension["flags"] if not flag.startswith(BUSY)} == {
            "short window: fixed warm-up",
            "precision declared, not verified",
            "power cap of 400 W",
            "the cards' power limits differ: 400 to 700 W",
        }
    (run,) = cards.bench.scorecard("nvidia-fp32-bs32-1x2")["runs"]
    assert run["sampler"]["errors"] == 0
    assert run["sampler"]["period_p50"] == pytest.approx(0.1, abs=0.02)
    assert cards.bench.scorecard("nvidia-fp32-bs32-1x2")["machine"]["driver"] == "580.95.05"


def test_what_befalls_a_card_in_a_run_makes_its_figures_suspect(cards: Cards) -> None:
    playing = cards.play(
        card(0, Steady(300.0)),
        card(1, Steady(300.0), slow_thermal="0,0.5", xid="5,79", ecc="3,2,5"),
        card(2, Steady(300.0), lost=5),
        manual=True,
    )
    result = cards.run(3, "--clock", str(playing.clock), "--segment", "0.6")
    assert result.parseoutcomes() == {"suspect": 2, "unknown": 1, "deselected": 3}
    speed, power, memory = (cards.dimensions(3)[name] for name in ("speed", "power", "memory"))
    assert [speed["verdict"], power["verdict"], memory["verdict"]] == ["suspect", "unknown", "suspect"]
    faults = [
        "card 1: 2 uncorrected memory errors",
        "card 1: the driver reported error 79",
        "card 2: the card was lost",
    ]
    for fault in ["thermal slowdown of card 1", *faults]:
        assert fault in speed["reason"]
    assert all(fault in memory["reason"] for fault in faults)
    assert "card 1: 3 corrected memory errors" in speed["flags"]
    assert speed["detail"]["ecc_uncorrected"] == 2
    path = cards.bench.session / "tiny" / "nvidia-fp32-bs32-1x3" / "window-1" / "node-0" / "samples.jsonl"
    errors = [json.loads(line).get("error") for line in path.read_text().splitlines()]
    assert [error for error in errors if error] == ["nvml: card 2: GPU is lost"]


def test_readings_of_cards_that_were_not_trained_on_are_no_figure(cards: Cards) -> None:
    """And somebody else on a card is told: here this test itself."""
    cards.play(card(0, Steady(300.0), processes=f"{os.getpid()},3072"), card(1, Steady(300.0)))
    result = cards.run(2, "--cards", PLAIN.replace("00000002", "0000000f"), "--segment", "0.6")
    memory = cards.dimensions(2)["memory"]
    assert (memory["verdict"], memory["value"]) == ("unknown", None)
    assert memory["reason"].startswith(
        "rank 1 trained on card 0000000f-1111-2222-3333-444444444444, sampled was card 1"
    )
    said = f"process {os.getpid()} (stub-{os.getpid()}, 3 GiB) of somebody else before and during the run"
    assert f"card 0: {said}" in cards.dimensions(2)["speed"]["flags"]
    assert result.stdout.str().count(f"card {UUIDS[0]} is used by process {os.getpid()}") == 1


def test_eight_cards_are_all_read(cards: Cards) -> None:
    """One of them counts no energy: that one alone is polled."""
    words: list[dict[str, Any]] = [{"memory": f"{1024 * (8 - number)},81559"} for number in range(8)]
    words[7]["without"] = "energy"
    cards.play(*(card(number, Steady(100.0 * (number + 1)), **words[number]) for number in range(8)))
    result = cards.run(8, "--segment", "0.6")
    assert re.search(r"^sixdim: energy counter: tick [\d.]+ ms, 7 cards$", result.stdout.str(), re.MULTILINE)
    memory = cards.dimensions(8)["memory"]["detail"]
    assert memory["cards_gib"] == pytest.approx([8 - number for number in range(8)])
    order = cards.bench.session / "tiny" / "nvidia-fp32-bs32-1x8" / "window-1" / "order.json"
    assert "energy" in json.loads(order.read_text())["samplers"][0]["channels"]
    lines = (order.parent / "node-0" / "samples.jsonl").read_text().splitlines()
    last = [reading for line in lines if (reading := json.loads(line)).get("energy")][-1]
    assert [value is None for value in last["energy"]] == [False] * 7 + [True]
    assert last["power"] == pytest.approx([100.0 * (number + 1) for number in range(8)])
