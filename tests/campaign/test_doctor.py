"""Whether a benchmark can be trusted: imaginary cards, real processes, and every finding with its cure."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.campaign import doctor
from pytest_sixdim.campaign.card_findings import of_cards
from pytest_sixdim.campaign.conditions import Conditions
from pytest_sixdim.campaign.doctor import Examination, examine
from pytest_sixdim.campaign.finding import Finding, in_order
from pytest_sixdim.campaign.host import Host
from pytest_sixdim.campaign.host_findings import of_host, of_machine, of_torch
from pytest_sixdim.campaign.leases import lease
from pytest_sixdim.campaign.sensor_findings import of_channels, of_counters
from pytest_sixdim.campaign.survey import Calibration, SourceAnswer, Survey
from pytest_sixdim.campaign.torch_of import Torch, TorchDevice
from pytest_sixdim.core.facts import CardFacts
from pytest_sixdim.core.records import Source
from pytest_sixdim.core.vendor import CardModel, SamplerChoice, VendorProfile
from pytest_sixdim.report.doctor import doctor_text
from pytest_sixdim.samplers import Device
from tests.campaign.fake_torch import fake_torch, interpreter_without_torch

KINDS = Path(__file__).parent.parent / "samplers"
GIB = 2**30
CHANNELS = ("energy", "power", "memory", "temperature")
CPU = VendorProfile("cpu", "CPU", "处理器", "cores", "cpu", "gloo", fallback=True)
IMG = VendorProfile(
    "img",
    "Imaginary",
    "虚",
    "pci",
    "img",
    "iccl",
    visible=("IMG_VISIBLE",),
    quirks=("It does not exist.",),
    unverified=("backend", "quirks"),
)
CARDS = Host("img", "asked", (Device(0, "IMG-0", "Imaginary 9"), Device(1, "IMG-1", "Imaginary 9")))


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(doctor, "CALIBRATE", 0.3)
    monkeypatch.setenv("PYTHONPATH", f"{KINDS}:{fake_torch(tmp_path / 'torch')}")


def look(*kinds: str, python: str = sys.executable, results: Path = Path("results"), **keywords: Any) -> Examination:
    """Examine a host with imaginary cards, read by the classes of kinds_of_samplers with these names."""
    choices = tuple(
        SamplerChoice(kind, CHANNELS, install=f"install {kind}", unverified=(f"{kind}'s unit.",)) for kind in kinds
    )
    profiles = {"cpu": CPU, "img": replace(IMG, samplers=choices)}
    known = {kind: f"kinds_of_samplers:{kind}" for kind in kinds}
    return examine(profiles, known, vendor="img", python=python, results=results, **keywords)


def told(found: Any, level: str) -> list[tuple[str, str]]:
    return [(finding.about, finding.text) for finding in found if finding.level == level]


def test_two_quiet_cards_can_be_trusted() -> None:
    seen = look("QuietCards")
    assert told(seen.findings, "problem") == []
    assert seen.trustworthy
    assert seen.serving == dict.fromkeys(CHANNELS, "QuietCards")
    assert [device.uuid for device in seen.host.devices] == ["IMG-0", "IMG-1"]
    assert [calibration.moves for calibration in seen.survey.calibrations] == [True, True]


def test_a_foreign_process_is_a_problem_with_its_cure() -> None:
    seen = look("TwoCards")
    (problem,) = [finding for finding in seen.findings if finding.level == "problem"]
    assert (problem.about, problem.text) == ("card 1", "process 4242 (somebody, 2.0 GiB) is on the card")
    assert problem.cure == "end what runs there, or choose other cards with IMG_VISIBLE"
    assert not seen.trustworthy


def test_a_hidden_card_is_not_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("IMG_VISIBLE", "0")
    seen = look("TwoCards")
    assert [device.id for device in seen.host.devices] == ["IMG-0"]
    assert told(seen.findings, "problem") == []


def test_cards_that_are_all_hidden_are_the_only_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMG_VISIBLE", "")
    seen = look("TwoCards")
    (problem,) = [finding for finding in seen.findings if finding.level == "problem"]
    assert problem.text == "no card of Imaginary can be used here; IMG_VISIBLE hides them"
    assert problem.cure == "unset IMG_VISIBLE, or name cards there"
    assert seen.facts == ()


def test_text_shows_cards_sensors_and_problems_last() -> None:
    seen = look("Absent", "TwoCards")
    lines = doctor_text(seen).splitlines()
    text = "\n".join(lines)
    assert lines[0] == "vendor   Imaginary (img), found by: --sixdim-vendor"
    assert "torch 9.9.9" in text
    assert "sees 2 img devices (Imaginary 9)" in text
    assert "2 x Imaginary 9, 64.0 GiB, driver 9.1" in text
    (card,) = [line for line in lines if "IMG-1" in line]
    assert card.split() == ["1", "IMG-1", "0000:02:00.0", "300", "of", "300", "W", "no", "87", "%", "1"]
    (power,) = [line for line in lines if line.startswith("  power ")]
    assert power.split() == ["power", "TwoCards", "instant", "card", "–", "250", "W"]
    assert "no: libimaginary.so.1 is not there" in text
    assert "It does not exist." in text
    assert "unverified: nobody has tried backend, quirks" in text
    assert "unverified of sampler TwoCards: TwoCards's unit." in text
    assert lines[-2].startswith("problem")
    assert "4242" in lines[-2]
    assert " -> end what runs there" in lines[-2]
    assert lines[-1].startswith("no benchmark can be trusted here: 1 problem, ")


def test_json_has_everything_and_no_unknown_types() -> None:
    record = json.loads(json.dumps(look("TwoCards").to_json(), allow_nan=False))
    assert list(record) == [
        *("schema", "trustworthy", "vendor", "cards", "channels", "sources", "calibrations"),
        *("torch", "machine", "holding", "strays", "findings"),
    ]
    assert record["cards"][1]["facts"]["processes"][0]["pid"] == 4242
    assert record["vendor"]["unverified"] == ["backend", "quirks"]
    assert record["findings"][0]["level"] == "problem"
    assert record["torch"]["devices"][1]["pci"] == "0000:02:00.0"


def test_a_sampler_that_hangs_is_given_up_once_and_the_rest_is_told() -> None:
    seen = look("HangsInReading", "QuietCards", timeout=12.0)
    first, second = seen.survey.sources
    assert first.reason == "no answer within 12 s"
    assert second.reason is None
    assert len(seen.facts) == 2


def test_no_source_of_power_is_a_problem_on_an_accelerator() -> None:
    seen = look("Absent", "NoPower")
    (problem,) = [finding for finding in seen.findings if finding.level == "problem"]
    assert problem.about == "power"
    assert problem.text == (
        "power will be unknown (Absent: libimaginary.so.1 is not there; NoPower: does not offer it here)"
    )
    assert problem.cure == "install Absent; or install NoPower"


def test_a_counter_that_stands_still_is_a_warning_said_once_for_both_cards() -> None:
    seen = look("Stuck")
    assert ("card 0, card 1", "the energy counter of two stands still") in told(seen.findings, "warning")
    assert "stands still on 2 of 2 cards" in doctor_text(seen)


def test_an_interpreter_without_torch_is_a_problem_with_what_to_install(tmp_path: Path) -> None:
    seen = look("QuietCards", python=str(interpreter_without_torch(tmp_path)))
    (problem,) = [finding for finding in seen.findings if finding.level == "problem"]
    assert problem.text == "import torch: ModuleNotFoundError: No module named 'torch'"
    assert problem.cure == "install torch for Imaginary there, or name another interpreter with --python"


def test_who_measures_now_is_told_and_its_processes_are_no_problem() -> None:
    with lease(Path("x"), "tiny/full-1", CARDS.devices, 2, share=True, waiting=lambda text: None):
        seen = look("TwoCards")
    assert re.search(rf"held by  IMG-0, IMG-1: run tiny/full-1 of process {os.getpid()}, since 2", doctor_text(seen))
    (holder,) = seen.to_json()["holding"]["holders"]
    assert (holder["run"], holder["cards"], holder["host"]) == ("tiny/full-1", ("IMG-0", "IMG-1"), False)
    name = f"run tiny/full-1 of process {os.getpid()} is measuring here; what is seen may be its work"
    assert ("host", name) in told(seen.findings, "warning")
    assert told(seen.findings, "problem") == []
    assert ("card 1", "process 4242 (somebody, 2.0 GiB) is on the card") in told(seen.findings, "warning")


def test_who_has_the_host_and_who_waits_is_told(tmp_path: Path) -> None:
    of_one_session, of_another = tmp_path / "one" / "case" / "a" / "first", tmp_path / "two" / "case" / "a" / "second"
    waits = threading.Event()
    with lease(of_one_session, "first", CARDS.devices, 1, share=False, waiting=lambda text: None):
        thread = threading.Thread(target=_lease_once, args=(of_another, "second", waits), daemon=True)
        thread.start()
        assert waits.wait(60)
        lines = doctor_text(look("QuietCards")).splitlines()
    thread.join(60)
    (held,) = [
        number for number, line in enumerate(lines) if line.startswith("held by  the host (IMG-0): run first of ")
    ]
    assert lines[held + 1].strip().startswith("waiting: run second of process ")
    assert "held by  nobody" in doctor_text(look("QuietCards"))


def _lease_once(run: Path, label: str, waits: threading.Event) -> None:
    with lease(run, label, CARDS.devices, 1, share=False, waiting=lambda text: waits.set()):
        pass


def test_locks_that_nobody_can_take_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "run" / "sixdim").write_text("in the way")
    seen = look("QuietCards")
    (problem,) = [finding for finding in seen.findings if finding.level == "problem"]
    assert problem.text.startswith(f"{tmp_path}/run/sixdim: File exists; it holds the locks of this user's cards")
    assert seen.to_json()["holding"] is None
    assert "held by  unknown" in doctor_text(seen)


def test_what_a_killed_run_left_is_a_warning() -> None:
    child = subprocess.Popen(["sleep", "600"], env={**os.environ, "SIXDIM_JOB": "1.1"})
    try:
        seen = look("QuietCards")
        assert [strays.pids for strays in seen.strays] == [(child.pid,)]
        text = f"1 process of a killed run ({child.pid}: sleep 600) is still there"
        assert ("host", text) in told(seen.findings, "warning")
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


# --- single findings, from what was seen ---


def answer(*channels: str, sampler: str = "one", **keywords: Any) -> SourceAnswer:
    return SourceAnswer(sampler, sources={channel: Source(sampler, "") for channel in channels}, **keywords)


def profile_with(*samplers: str, fallback: bool = False) -> VendorProfile:
    choices = tuple(SamplerChoice(name, CHANNELS) for name in samplers)
    return replace(IMG, samplers=choices, fallback=fallback)


def test_a_host_without_accelerator_is_only_warned_of_missing_power() -> None:
    found = list(of_channels(profile_with("one", fallback=True), Survey((SourceAnswer("one", "no RAPL"),))))
    assert {finding.level for finding in found} == {"warning"}
    assert [finding.about for finding in found] == ["power", "memory"]


def test_a_sampler_that_nobody_needs_is_a_note() -> None:
    seen = Survey((answer(*CHANNELS), SourceAnswer("two", "not installed")))
    found = [finding for finding in of_channels(profile_with("one", "two"), seen) if finding.about == "two"]
    assert found == [Finding("note", "two", "not installed")]


def test_a_card_without_reading_of_power_is_a_problem() -> None:
    seen = Survey((answer(*CHANNELS, readings={"power": (1.0, None), "temperature": (None, None)}),))
    assert told(of_channels(profile_with("one"), seen), "problem") == [
        ("power", "1 of 2 cards have no reading from one")
    ]


def test_what_is_there_need_not_be_installed() -> None:
    profile = profile_with("one")
    profile = replace(profile, samplers=(replace(profile.samplers[0], install="one comes with the driver"),))
    seen = Survey((answer(*CHANNELS, readings={"power": (1.0, None)}),))
    assert [finding.cure for finding in of_channels(profile, seen) if finding.about == "power"] == [""]


def test_complaints_of_a_sampler_are_warnings() -> None:
    seen = Survey((answer(*CHANNELS, complaints=("card 1: N/A",)),))
    assert ("one", "card 1: N/A") in told(of_channels(profile_with("one"), seen), "warning")


@pytest.mark.parametrize(("polled", "warnings"), [(104.0, 0), (106.0, 1), (94.0, 1), (None, 0)])
def test_counter_and_polled_power_must_agree_within_5_percent(polled: float | None, warnings: int) -> None:
    seen = Survey((), (Calibration("IMG-1", "one", True, 0.1, 1.0, 100.0, polled),))
    found = list(of_counters(CARDS, seen))
    assert [(finding.level, finding.about) for finding in found] == [("warning", "card 1")] * warnings


@pytest.mark.parametrize(
    ("facts", "level", "text"),
    [
        ({"utilization_percent": 40.0}, "problem", "40 % utilised by somebody who can't be seen from here"),
        ({"memory_used_bytes": 5 * GIB}, "warning", "5.0 GiB are held by somebody who can't be seen from here"),
        ({"processes": [{"pid": 7}]}, "problem", "process 7 (name unknown) is on the card"),
        ({"mig": True}, "problem", "the card is divided (MIG): a part has no power sensor"),
        ({"ecc_uncorrected": 3}, "warning", "3 uncorrectable memory errors since the driver was loaded"),
        ({"power_limit_watts": 300.0, "power_default_watts": 400.0}, "note", "power is capped at 300 W"),
        ({"clocks_locked": True}, "note", "its clocks are locked"),
        ({"persistence": False}, "note", "persistence mode is off"),
    ],
)
def test_state_of_a_card_is_told(facts: CardFacts, level: str, text: str) -> None:
    (found,) = of_cards(IMG, CARDS, [CardFacts(), facts], taken=False)
    assert (found.level, found.about) == (level, "card 1")
    assert found.text.startswith(text)


@pytest.mark.parametrize(
    "facts",
    [
        {"utilization_percent": 5.0, "memory_used_bytes": GIB, "processes": []},
        {"processes": [{"pid": 7, "own": True}]},
        {"mig": False, "ecc_uncorrected": 0, "clocks_locked": False, "persistence": True},
        {"power_limit_watts": 400.0, "power_default_watts": 400.0},
    ],
)
def test_a_card_in_order_is_not_mentioned(facts: CardFacts) -> None:
    assert list(of_cards(IMG, CARDS, [facts, facts], taken=False)) == []


def test_a_card_that_the_profile_does_not_know_is_a_note() -> None:
    profile = replace(IMG, cards=(CardModel("img-8", ("Imaginary 8",)),))
    (found,) = of_cards(profile, CARDS, [CardFacts(), CardFacts()], taken=False)
    assert (found.level, found.text.split(":")[0]) == ("note", "the profile does not know Imaginary 9")


def test_no_card_and_cards_that_differ_are_problems() -> None:
    none = Host("img", "asked", (), "IMG_VISIBLE")
    assert told(of_host(IMG, none), "problem") == [
        ("cards", "no card of Imaginary can be used here; IMG_VISIBLE hides them")
    ]
    mixed = replace(CARDS, mixed="1 x Imaginary 8, 1 x Imaginary 9")
    assert told(of_host(IMG, mixed), "problem") == [("cards", "the cards differ: 1 x Imaginary 8, 1 x Imaginary 9")]
    assert list(of_host(IMG, CARDS)) == []


def sees(*names: str, **keywords: Any) -> Torch:
    devices = tuple(TorchDevice(name) for name in names)
    return Torch("python", **{"python": "3.11.0", "version": "9.9", "devices": devices, "backend": True, **keywords})


def test_torch_that_sees_fewer_cards_than_the_vendors_tool_is_a_problem() -> None:
    assert told(of_torch(IMG, CARDS, sees("a")), "problem") == [
        ("torch", "torch sees 1 of 2 devices of the type 'img'")
    ]
    assert list(of_torch(IMG, CARDS, sees("a", "b"))) == []


def test_a_board_with_two_devices_counts_twice() -> None:
    profile = replace(IMG, cards=(CardModel("img-9", ("Imaginary 9",), devices=2),))
    assert len(told(of_torch(profile, CARDS, sees("a", "b", "c")), "problem")) == 1
    assert list(of_torch(profile, CARDS, sees("a", "b", "c", "d"))) == []


def test_no_collective_backend_is_a_problem_for_more_than_one_card() -> None:
    one = replace(CARDS, devices=CARDS.devices[:1])
    (several,) = of_torch(IMG, CARDS, sees("a", "b", backend=False))
    (single,) = of_torch(IMG, one, sees("a", backend=False))
    assert (several.level, single.level) == ("problem", "warning")
    assert several.cure == "install a torch built with iccl"


def test_a_plugin_that_does_not_import_is_a_problem_that_names_it() -> None:
    failing = sees(devices=None, failed="import torch_img", error="ImportError: libimg.so: cannot open")
    (found,) = of_torch(IMG, CARDS, failing)
    assert found.text == "import torch_img: ImportError: libimg.so: cannot open"
    assert found.cure == "install torch_img for torch 9.9 there"


GOOD = Conditions("CPU", 8, 8, None, {"performance": 8}, 0.5, Path("results"), 100 * GIB, None)


@pytest.mark.parametrize(
    ("change", "level", "text"),
    [
        ({"free_bytes": 9 * GIB}, "warning", "9.0 GiB are free for results"),
        ({"free_bytes": GIB // 2}, "problem", "0.5 GiB are free for results"),
        ({"governors": {"performance": 6, "powersave": 2}}, "warning", "the CPU governor is powersave on 2 of 8 CPUs"),
        ({"governors": {}}, "note", "the kernel shows no CPU governor"),
        ({"quota_cpus": 4.0}, "warning", "a control group allows 4 CPUs' time on 8 CPUs"),
        ({"load": 3.0}, "warning", "the load was 3.0 on 8 CPUs"),
    ],
)
def test_state_of_the_machine_is_told(change: dict[str, Any], level: str, text: str) -> None:
    (found,) = of_machine(replace(GOOD, **change))
    assert found.level == level
    assert found.text.startswith(text)


def test_a_machine_in_order_is_not_mentioned() -> None:
    assert list(of_machine(GOOD)) == []
    assert list(of_machine(replace(GOOD, quota_cpus=8.0, free_bytes=None, rapl="permission denied"))) == []


def test_what_holds_for_many_cards_is_said_once() -> None:
    found = in_order(
        [
            *(Finding("note", f"card {index}", "its clocks are locked") for index in range(8)),
            Finding("problem", "torch", "import torch: no"),
        ]
    )
    assert [(finding.level, finding.about) for finding in found] == [("problem", "torch"), ("note", "8 cards")]
