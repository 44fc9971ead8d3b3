"""The cards themselves: their counters at the session's start, who else uses them, what the results say of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.plugin.conftest import PROGRAMS, Bench

ONE = "fakes-fp32-bs32-1x1"
PROFILE = """\
sixdim: 1
id: fakes
name: Fakes
name_zh: 假
enumerate: device_nodes
device_nodes: ["null"]
device: cpu
backend: gloo
samplers:
  - sampler: fake
    channels: [{channels}]
    options: {{state: {state}}}
"""
#: Seconds for which counters are read at the start, as fast as it goes: six ticks of the stand-in's.
LOOK = 0.3
SOMEBODY = {"processes": [{"pid": 123, "bytes": 5583457485, "name": "python"}]}


class Cards:
    """A bench with two cards that a test can say anything of."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.state = bench.path / "cards.json"
        self.channels = "energy, power, memory"

    def run(self, *args: str, state: dict[str, Any]) -> pytest.RunResult:
        """The speed test of a case on one card, unless `args` ask otherwise."""
        self.state.write_text(json.dumps(state))
        profile = self.bench.path / "fakes.yaml"
        profile.write_text(PROFILE.format(state=self.state, channels=self.channels))
        (self.bench.path / "conftest.py").write_text(
            "import pathlib\n"
            "import pytest_sixdim.campaign.calibration as calibration\n"
            f"calibration.SECONDS = {LOOK}\n"
            "def pytest_sixdim_samplers():\n"
            "    return {'fake': 'fake_cards:FakeCards'}\n"
            "def pytest_sixdim_vendors():\n"
            f"    return [pathlib.Path({str(profile)!r})]\n"
        )
        fakes = "  - {vendor: fakes, precision: fp32, batch_size: 32, cards: [1, 2]}"
        self.bench.case("tiny", configurations=fakes)
        return self.bench.run("--sixdim-vendor", "fakes", *(args or ("-m", "singlecard and speed")))

    def order(self, run: str = "window-1") -> dict[str, Any]:
        return dict(json.loads((self.bench.session / "tiny" / ONE / run / "order.json").read_text()))

    def session(self) -> dict[str, Any]:
        return dict(json.loads((self.bench.session / "session.json").read_text()))


@pytest.fixture
def cards(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Cards:
    monkeypatch.setenv("PYTHONPATH", str(PROGRAMS))
    return Cards(bench)


def test_somebody_on_a_card_is_told_once_and_recorded_with_every_run(cards: Cards) -> None:
    cards.channels = "memory"
    result = cards.run("-m", "singlecard and (accuracy or stability)", "--sixdim-runs", "2", state={"facts": SOMEBODY})
    sentence = "card FAKE-0 is used by process 123 (python, 5.2 GiB)"
    assert result.stdout.str().count(f"  {sentence}\n") == 1
    assert [cards.order(run)["contention_before"] for run in ("full-1", "full-2")] == [[sentence]] * 2
    assert cards.bench.result("full-2", ONE)["status"] == "completed"


def test_a_plan_says_what_has_too_few_cards(cards: Cards) -> None:
    result = cards.run("--sixdim-plan", state={})
    result.stdout.fnmatch_lines(["sixdim: no run: needs 2 cards, 1 visible (6 tests)"])


def test_an_idle_card_is_no_reason_for_a_word(cards: Cards) -> None:
    cards.channels = "memory"
    result = cards.run(state={"facts": {"processes": [], "utilization_percent": 0.0}})
    assert "is used by" not in result.stdout.str()
    assert "contention_before" not in cards.order()


def test_under_contention_error_the_run_is_not_launched_and_its_tests_fail(cards: Cards) -> None:
    cards.channels = "memory"
    result = cards.run("-m", "singlecard and speed", "--sixdim-contention", "error", state={"facts": SOMEBODY})
    result.assert_outcomes(failed=1)
    answer = cards.bench.result("window-1", ONE)
    assert (answer["status"], answer["ended_by"]) == ("launch_error", "runner")
    assert not (cards.bench.session / "tiny" / ONE / "window-1" / "node-0").exists()
    failed = cards.bench.scorecard(ONE)["dimensions"]["speed"]
    said = "card FAKE-0 is used by process 123 (python, 5.2 GiB); --sixdim-contention error"
    assert failed["reason"] == f"window-1 could not be launched: {said}"
    assert failed["verdict"] == "fail"
    assert "logs:" not in result.stdout.str()


def test_a_counter_that_moves_is_named_in_the_header_and_beside_power(cards: Cards) -> None:
    cards.channels = "energy, memory"  # polled power would speak for so short a window
    result = cards.run("-m", "singlecard and power", state={"tick": 0.05})
    assert re.search(r"^sixdim: energy counter: tick [\d.]+ ms, 2 cards$", result.stdout.str(), re.MULTILINE)
    assert [card["card"] for card in cards.session()["calibration"]] == ["FAKE-0", "FAKE-1"]
    assert all(card["moves"] for card in cards.session()["calibration"])
    assert "energy" in cards.order()["samplers"][0]["channels"]
    calibration = cards.bench.scorecard(ONE)["dimensions"]["power"]["detail"]["calibration"]
    assert calibration["step_joules"] == pytest.approx(10.0)


def test_a_counter_that_stands_still_is_not_used(cards: Cards) -> None:
    result = cards.run("-m", "singlecard and power", state={"still": True})
    why = f"the energy counter of FAKE-0, FAKE-1 (fake) did not move in {LOOK} s"
    result.stdout.fnmatch_lines([f"sixdim: {why}: polled power is used instead"])
    order = cards.order()
    assert order["samplers"][0]["channels"] == ["power", "memory"]
    own = why.replace(", FAKE-1", "")
    assert order["unavailable"]["energy"] == own
    power = cards.bench.scorecard(ONE)["dimensions"]["power"]
    assert power["detail"]["method"] == "instant"
    assert own in power["flags"]


def test_a_counter_far_from_polled_power_is_flagged(cards: Cards) -> None:
    result = cards.run(state={"watts": 500.0, "polled": 200.0})
    result.stdout.fnmatch_lines(
        ["sixdim: at the session's start the energy counter of FAKE-0 counted * W, * W were polled*"]
    )


def test_without_a_counter_nothing_is_calibrated(cards: Cards) -> None:
    cards.channels = "power, memory"
    result = cards.run(state={})
    assert cards.session()["calibration"] == []
    assert "energy counter" not in result.stdout.str()


def test_where_nothing_is_launched_no_card_is_calibrated(cards: Cards) -> None:
    result = cards.run("--sixdim-plan", state={})
    assert "energy counter" not in result.stdout.str()
    assert not cards.bench.results.exists()


def test_workers_know_the_calibration(cards: Cards) -> None:
    cards.run("-n", "1", "-m", "singlecard and power", state={"still": True})
    assert cards.order()["samplers"][0]["channels"] == ["power", "memory"]


def test_driver_and_runtime_are_part_of_the_machines_identity(cards: Cards) -> None:
    cards.channels = "memory"
    identities = []
    for driver in ("550.1", "560.2"):
        cards.run(state={"facts": {"driver": driver, "runtime": "12.4"}})
        identity = cards.session()["machine"]["identity"]
        assert (identity["parts"]["driver"], identity["parts"]["runtime"]) == (driver, "12.4")
        assert cards.bench.scorecard(ONE)["machine"]["identity"] == identity
        identities.append(identity["hash"])
    assert len(set(identities)) == 2


def test_recorded_figures_of_capped_cards_judge_capped_cards_alone(cards: Cards) -> None:
    cards.channels = "memory"
    tests = ("-m", "singlecard and (speed or memory or accuracy)")
    recorded = cards.bench.cases / "tiny.baselines.yaml"
    capped = {"facts": {"power_limit_watts": 500.0, "power_default_watts": 700.0}}
    cards.run(*tests, "--sixdim-save-baseline", str(recorded), state=capped)
    assert "power_cap: 500" in recorded.read_text()
    cards.run(*tests, state=capped)
    labels = [cards.bench.scorecard(ONE)["dimensions"][name]["label"] for name in ("speed", "memory")]
    assert all(re.fullmatch(r"pass \(own baseline, \d{4}-\d\d-\d\d\)", label) for label in labels), labels
    cards.run(*tests, state={"facts": {"power_limit_watts": 700.0, "power_default_watts": 700.0}})
    reason = cards.bench.scorecard(ONE)["dimensions"]["speed"]["reason"]
    assert "baseline exists for a power cap of 500 W, this run used no power cap" in reason


def test_under_contention_error_cards_of_which_nobody_can_tell_are_named_once(cards: Cards) -> None:
    cards.channels = "power"
    args = ("-m", "singlecard and (accuracy or stability)", "--sixdim-runs", "2", "--sixdim-contention", "error")
    said = "--sixdim-contention error: nobody can tell who else is on the cards: "
    assert cards.run(*args, state={}).stdout.str().count(said) == 1
    assert said not in cards.run(*args[:-1], "warn", state={}).stdout.str()
