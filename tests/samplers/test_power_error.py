"""What benchmarks/power.py claims, on a minute of each trace: our mean against the truth, and against polling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.power import AIM, STEPS, Trace, compare
from tests.stubs.nvml import NvmlStub, Ramp, Square, Steady

SECONDS = 32.0
PLAYED = 60.0


@pytest.fixture
def compared(nvml_stub: NvmlStub, monkeypatch: pytest.MonkeyPatch) -> NvmlStub:
    for name in nvml_stub.play([]).environment:
        monkeypatch.setenv(name, "")  # restored after the benchmark has set it
    return nvml_stub


@pytest.mark.parametrize(
    "trace",
    [
        Trace("steady", Steady(500.0)),
        Trace("fast steps", Square(250.0, 700.0, 0.37)),
        Trace("slow steps", Square(150.0, 700.0, 9.7, 0.8)),
        Trace("drifting", Ramp(400.0, 650.0, PLAYED)),
        Trace("gap", STEPS, {"gap": "30,3"}),
        Trace("wrap", STEPS, {"wrap": 8192, "energy_start": 1000}, wrap=8192.0),
    ],
    ids=lambda trace: trace.name,
)
def test_our_mean_is_right_wherever_a_counter_gives_it(compared: NvmlStub, trace: Trace) -> None:
    errors = compare(trace, compared, 16, SECONDS, PLAYED)
    covered = trace.name != "gap"  # a gap over a window's edge leaves more than 5 % uncovered
    assert len(errors.ours) == 16 if covered else len(errors.ours) >= 8
    assert max(errors.ours) < AIM


def test_one_poll_in_five_seconds_is_not(compared: NvmlStub) -> None:
    errors = compare(Trace("steps", STEPS), compared, 16, SECONDS, PLAYED)
    assert max(errors.ours) < AIM < 0.02 < max(errors.polled[5.0])


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        (Trace("stuck", STEPS, {"stuck_power": 1, "stuck_energy": 1}), "stuck|ticks"),
        (Trace("stuck, no counter", STEPS, {"stuck_power": 1}, counter=False), "stuck"),
        (Trace("falls", STEPS, {"backwards": "30,5000"}), "backwards"),
        (Trace("lost", STEPS, {"lost": 10}), "ticks|covered"),
    ],
    ids=lambda value: value.name if isinstance(value, Trace) else "",
)
def test_a_sensor_that_does_not_tell_gives_no_figure(compared: NvmlStub, trace: Trace, reason: str) -> None:
    errors = compare(trace, compared, 16, SECONDS, PLAYED)
    assert (errors.unknown, errors.ours) == (16, [])
    assert any(word in text for word in reason.split("|") for text in errors.reasons)


def test_a_counter_and_polled_power_that_disagree_are_suspect(compared: NvmlStub) -> None:
    errors = compare(Trace("gain", STEPS, {"gain": 0.9}), compared, 16, SECONDS, PLAYED)
    assert errors.suspect == 16


def test_the_truth_that_the_errors_are_measured_by_is_the_trace_s(compared: NvmlStub) -> None:
    """The stub and the test work the energy out independently."""
    for power in (Steady(321.0), replace(STEPS, phase=0.7), Ramp(100.0, 400.0, 20.0)):
        errors = compare(Trace("check", power), compared, 8, 40.0, PLAYED)
        assert max(errors.ours) < AIM
