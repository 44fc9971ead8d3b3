"""Faults of the sampler, in the middle of the window: the run goes on, and what was not read is unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import Campaign
from tests.plugin.conftest import PROGRAMS

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
  - sampler: dying
    channels: [energy, power, memory, temperature]
    options: {fault: FAULT, place: PLACE}
"""


def run(campaign: Campaign, fault: str) -> None:
    """A window run whose sampler meets the fault."""
    path = campaign.bench.path
    profile = PROFILE.replace("FAULT", fault).replace("PLACE", str(path / "now"))
    if fault == "hangs":  # a counter is tried before the run, which would hang there too
        profile = profile.replace("energy, ", "")
    (path / "fakes.yaml").write_text(profile)
    (path / "conftest.py").write_text(
        "import pathlib\n"
        "import pytest_sixdim.campaign.calibration as calibration\n"
        "calibration.SECONDS = 0.2\n"
        "def pytest_sixdim_samplers():\n    return {'dying': 'dying_cards:DyingCards'}\n"
        f"def pytest_sixdim_vendors():\n    return [pathlib.Path({str(path / 'fakes.yaml')!r})]\n"
    )
    campaign.case("sampler", "--when", "1", "--segment", "0.2", "--place", str(path / "now"), vendor="fakes")
    campaign.run("--sixdim-vendor", "fakes", "-m", "speed or power or memory or accuracy")


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROGRAMS))


@pytest.mark.parametrize(
    ("fault", "recorded"),
    [
        ("raises", "dying: RuntimeError: the driver is gone"),
        ("quits", "sampling ended early: KeyboardInterrupt"),
        ("hangs", "dying: no answer for"),
    ],
)
def test_sampler_dies_or_hangs(campaign: Campaign, fault: str, recorded: str) -> None:
    run(campaign, fault)
    result = campaign.result("full-1")
    assert (result["status"], result["sampler"]["errors"] >= 1) == ("completed", True)
    node = campaign.bench.session / "tiny" / campaign.configuration / "full-1" / "node-0"
    assert recorded in (node / "samples.jsonl").read_text() + campaign.text
    assert campaign.dimension("power")["verdict"] == "unknown"
    assert campaign.dimension("memory")["verdict"] in ("unknown", "unjudged")
    assert campaign.dimension("speed")["verdict"] == "unjudged"
    assert campaign.dimension("accuracy")["verdict"] == "pass"


def test_sampler_that_returns_late_leaves_a_gap(campaign: Campaign) -> None:
    run(campaign, "returns_late")
    assert campaign.result("full-1")["status"] == "completed"
    assert campaign.result("full-1")["sampler"]["gaps"] >= 1
    assert campaign.dimension("power")["verdict"] == "unknown"
    assert campaign.dimension("accuracy")["verdict"] == "pass"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("exits", "the agent ended without a result"),
        ("segfaults", "the agent ended without a result: it was killed by SIGSEGV"),
    ],
)
def test_sampler_takes_the_agent_along(campaign: Campaign, fault: str, message: str) -> None:
    run(campaign, fault)
    result = campaign.result("full-1")
    assert result["status"] == "agent_lost"
    assert result["message"].startswith(message)
    assert message in campaign.text
    assert {campaign.dimension(name)["verdict"] for name in ("speed", "power", "memory", "accuracy")} == {"fail"}


def test_tool_is_killed(campaign: Campaign, tmp_path: Path) -> None:
    """A vendor's command-line tool that something kills whenever it is called."""
    tool = tmp_path / "bin" / "fakes-smi"
    tool.parent.mkdir()
    tool.write_text(
        f"#!/bin/sh\n[ ! -e {tmp_path}/now ] || kill -9 $$\nprintf 'index, power [W], used [MiB]\\n0, 50.5, 100\\n'\n"
    )
    tool.chmod(0o755)
    run_tool(campaign, tool, tmp_path / "now")
    assert campaign.result("full-1")["status"] == "completed"
    assert "fakes-smi: signal 9" in str(campaign.result("full-1")["sampler"])
    assert campaign.dimension("power")["verdict"] == "unknown"
    assert campaign.dimension("accuracy")["verdict"] == "pass"


def run_tool(campaign: Campaign, tool: Path, now: Path) -> None:
    profile = PROFILE.partition("samplers:")[0] + (
        "samplers:\n  - sampler: command\n    channels: [power, memory]\n    options:\n"
        f"      environment: {{PATH: '{tool.parent}:{{PATH}}'}}\n      interval: 0.1\n"
        "      alternatives:\n        - command: [fakes-smi]\n          format: csv\n"
        "          fields: {index: index, power: power, memory: used}\n"
    )
    (campaign.bench.path / "fakes.yaml").write_text(profile)
    (campaign.bench.path / "conftest.py").write_text(
        "import pathlib\n"
        f"def pytest_sixdim_vendors():\n    return [pathlib.Path({str(campaign.bench.path / 'fakes.yaml')!r})]\n"
    )
    campaign.case("tool", "--when", "1", "--place", str(now), vendor="fakes")
    campaign.run("--sixdim-vendor", "fakes", "-m", "speed or power or memory or accuracy")
