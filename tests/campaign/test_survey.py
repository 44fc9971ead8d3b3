"""All samplers of a profile asked at once: whatever one of them does, the others' answers stand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_sixdim.campaign.survey import Survey, survey
from pytest_sixdim.core.vendor import SamplerChoice, VendorProfile
from pytest_sixdim.samplers import SAMPLERS, Device

KINDS = Path(__file__).parent.parent / "samplers"
TWO = [Device(0, "IMG-0", "Imaginary 9", uuid="IMG-0"), Device(1, "IMG-1", "Imaginary 9", uuid="IMG-1")]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Survey]:
    """Survey a vendor whose samplers are the classes of kinds_of_samplers with these names."""
    monkeypatch.setenv("PYTHONPATH", str(KINDS))

    def asked(*kinds: str, channels: tuple[str, ...] = ("energy", "power"), **keywords: object) -> Survey:
        choices = tuple(SamplerChoice(kind, channels) for kind in kinds)
        profile = VendorProfile("img", "Imaginary", "虚", "pci", "cuda", "nccl", samplers=choices)
        known = {kind: f"kinds_of_samplers:{kind}" for kind in kinds if kind != "nobody"}
        return survey(profile, known, **{"timeout": 60.0, **keywords})  # type: ignore[arg-type]

    return asked


def test_answer_has_all_that_the_sampler_says(ask: Callable[..., Survey]) -> None:
    (answer,) = ask("TwoCards", channels=("energy", "power", "temperature", "clock")).sources
    assert answer.reason is None
    assert [(card.uuid, card.pci, card.total_bytes) for card in answer.cards] == [
        ("IMG-0", "0000:01:00.0", 2**36),
        ("IMG-1", "0000:02:00.0", 2**36),
    ]
    assert {name: source.method for name, source in answer.sources.items()} == {
        "energy": "counter",
        "power": "instant",
        "temperature": "instant",
    }
    assert answer.unavailable == {"clock": "does not offer it here"}
    assert answer.readings["power"] == (250.0, 250.0)
    assert answer.readings["temperature"] == (None, None)  # it was not a number
    assert answer.facts[1]["processes"] == [{"pid": 4242, "name": "somebody", "bytes": 2**31}]
    assert answer.seconds is not None
    assert answer.cpu_seconds is not None


def test_what_a_sampler_says_of_what_it_lacks_is_kept(ask: Callable[..., Survey]) -> None:
    (answer,) = ask("Explains", channels=("power", "clock")).sources
    assert answer.unavailable == {"clock": "not supported by this driver"}
    assert answer.complaints == ("card 1: temperature is N/A",)


def test_others_answer_while_one_hangs_and_one_crashes(ask: Callable[..., Survey]) -> None:
    found = ask("HangsInReading", "Crashes", "Raises", "TwoCards", timeout=12.0)
    hanging, crashed, raised, good = found.sources
    assert hanging.reason == "no answer within 12 s"
    assert crashed.reason == "its process ended with SIGSEGV: libimaginary: assertion failed"
    assert raised.reason == "OverflowError: a vendor's surprise"
    assert good.reason is None
    assert good.readings["power"] == (250.0, 250.0)
    assert [answer.sampler for answer in found.sources] == ["HangsInReading", "Crashes", "Raises", "TwoCards"]
    # what was said before the hang is kept
    assert [card.uuid for card in hanging.cards] == ["IMG-0", "IMG-1"]
    assert found.cards == hanging.cards
    assert hanging.sources.keys() == {"energy", "power"}


def test_the_tool_of_a_hanging_sampler_is_killed(
    ask: Callable[..., Survey], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOL_PID", str(tmp_path / "pid"))
    assert ask("HangsWithATool", timeout=8.0).sources[0].reason == "no answer within 8 s"
    pid = int((tmp_path / "pid").read_text())
    for _ in range(1200):  # a killed process takes a moment to go
        if not _alive(pid):
            break
        time.sleep(0.05)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_library_that_hangs_when_it_is_unloaded_has_answered(ask: Callable[..., Survey]) -> None:
    (answer,) = ask("NeverUnloads").sources
    assert (answer.reason, len(answer.facts)) == (None, 2)
    assert answer.asked_seconds is not None
    assert answer.asked_seconds < 60.0  # the timeout


def test_noise_of_a_library_breaks_nothing(ask: Callable[..., Survey]) -> None:
    (answer,) = ask("Prints").sources
    assert (answer.reason, answer.readings["power"]) == (None, (250.0, 250.0))


def test_an_unknown_sampler_is_a_reason(ask: Callable[..., Survey]) -> None:
    unknown, good = ask("nobody", "TwoCards").sources
    assert unknown.reason is not None
    assert "nobody" in unknown.reason
    assert good.reason is None


def test_cards_are_those_that_were_asked_for_in_their_order(ask: Callable[..., Survey]) -> None:
    (answer,) = ask("TwoCards", devices=TWO[::-1]).sources
    assert [len(facts.get("processes", [])) for facts in answer.facts] == [1, 0]
    (one,) = ask("TwoCards", devices=TWO[1:]).sources
    assert one.readings["power"] == (250.0,)


def test_a_device_that_the_source_does_not_have_is_a_reason(ask: Callable[..., Survey]) -> None:
    (answer,) = ask("TwoCards", devices=[Device(0, "IMG-7", "Imaginary 9", uuid="IMG-7")]).sources
    assert answer.reason == "IMG-7: 0 of 2 cards have uuid IMG-7"
    assert len(answer.cards) == 2


def test_a_source_without_cards_is_asked_for_the_host(
    ask: Callable[..., Survey], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGINARY", "passed on")
    (answer,) = ask("Where", channels=("memory",)).sources
    assert answer.readings == {"memory": (1.0,)}
    assert answer.facts == ({"driver": "passed on", "firmware": "host"},)


def test_one_reading_for_two_cards_is_none(ask: Callable[..., Survey]) -> None:
    (answer,) = ask("TooFew").sources
    assert answer.readings.keys() == {"energy"}
    assert answer.unavailable == {"power": "1 readings for 2 cards"}


def test_a_channel_that_is_due_later_is_waited_for(ask: Callable[..., Survey]) -> None:
    assert ask("Late").sources[0].readings["power"] == (250.0, 250.0)


def test_facts_that_fail_spoil_no_reading(ask: Callable[..., Survey]) -> None:
    (answer,) = ask("FactsFail").sources
    assert (answer.reason, answer.facts) == (None, ())
    assert answer.readings["power"] == (250.0, 250.0)
    assert answer.unavailable == {"facts": "RuntimeError: no facts today"}


@pytest.mark.parametrize("devices", [None, TWO], ids=["all", "asked"])
def test_counter_that_ticks_every_20_ms_is_found_out(ask: Callable[..., Survey], devices: list[Device] | None) -> None:
    found = ask("Absent", "TwoCards", devices=devices, calibrate=0.5)
    assert [calibration.card for calibration in found.calibrations] == ["IMG-0", "IMG-1"]
    for calibration in found.calibrations:
        assert (calibration.sampler, calibration.moves) == ("two", True)
        assert calibration.tick_seconds == pytest.approx(0.02, abs=0.015)  # what reads it must be let to the processor
        assert calibration.step_joules == pytest.approx(5.0)
        assert calibration.watts == pytest.approx(250.0, rel=0.5)
        assert calibration.polled_watts == pytest.approx(250.0)


def test_counter_that_stands_still_is_told(ask: Callable[..., Survey]) -> None:
    found = ask("Stuck", calibrate=0.2)
    assert [(calibration.moves, calibration.watts) for calibration in found.calibrations] == [(False, None)] * 2


def test_a_card_without_a_counter_is_not_said_to_have_one_that_stands_still(ask: Callable[..., Survey]) -> None:
    (calibration,) = ask("OneCounter", calibrate=0.2).calibrations
    assert (calibration.card, calibration.moves) == ("IMG-0", True)


def test_power_of_another_sampler_is_polled_beside_the_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(KINDS))
    choices = (SamplerChoice("Stuck", ("power",)), SamplerChoice("TwoCards", ("energy",), {"polled": 1.0}))
    profile = VendorProfile("img", "Imaginary", "虚", "pci", "cuda", "nccl", samplers=choices)
    known = {choice.sampler: f"kinds_of_samplers:{choice.sampler}" for choice in choices}
    found = survey(profile, known, calibrate=0.5)
    assert [calibration.polled_watts for calibration in found.calibrations] == [250.0, 250.0]
    assert all(calibration.moves for calibration in found.calibrations)


def test_a_survey_survives_json(ask: Callable[..., Survey]) -> None:
    found = ask("TwoCards", "Raises", calibrate=0.2)
    assert Survey.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_no_samplers_no_answers(ask: Callable[..., Survey]) -> None:
    assert ask(calibrate=1.0) == Survey((), ())


def test_counter_of_a_processor_is_calibrated_too(tmp_path: Path) -> None:
    zone = tmp_path / "intel-rapl:0"
    zone.mkdir()
    (zone / "name").write_text("package-0\n")
    (zone / "max_energy_range_uj").write_text("1000000000\n")
    (zone / "energy_uj").write_text("0\n")
    ended = threading.Event()

    def count() -> None:
        joules = 0
        while not ended.wait(0.02):
            joules += 1
            (tmp_path / "new").write_text(f"{joules * 1_000_000}\n")
            (tmp_path / "new").replace(zone / "energy_uj")

    counting = threading.Thread(target=count)
    counting.start()
    try:
        choice = SamplerChoice("rapl", ("energy",), {"path": str(tmp_path)})
        found = survey(
            VendorProfile("cpu", "CPU", "处理器", "cores", "cpu", "gloo", samplers=(choice,)), SAMPLERS, calibrate=0.5
        )
    finally:
        ended.set()
        counting.join()
    (calibration,) = found.calibrations
    assert (calibration.card, calibration.moves, calibration.polled_watts) == ("host", True, None)
    assert calibration.step_joules == pytest.approx(1.0)
