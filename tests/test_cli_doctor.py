"""`sixdim doctor` as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_sixdim.cli import main
from tests.campaign.fake_torch import fake_torch, interpreter_without_torch
from tests.stubs.nvml import NvmlStub, Square, Steady, StubCard

#: A vendor whose tool lists two cards, of which somebody uses the second.
PROFILE = """
sixdim: 1
id: imaginary
name: Imaginary
name_zh: 虚
enumerate: device_nodes
device_nodes: ["no-such-card[0-9]"]
device: img
backend: iccl
visible: [IMG_VISIBLE]
samplers:
  - sampler: command
    channels: [power, memory, utilization]
    install: img-smi comes with the driver
    options:
      format: csv
      fields: {index: index, name: name, uuid: uuid, driver: driver, power: power, memory: used, memory_total: total,
               utilization: busy}
      alternatives:
        - command: [img-smi, --csv]
quirks: [It does not exist.]
unverified: [backend]
"""
TOOL = """#!/bin/sh
echo 'index, name, uuid, driver, power [W], used [MiB], total [MiB], busy [%]'
echo '0, Imaginary 9, IMG-0, 9.1, 61.5 W, 3 MiB, 65536 MiB, 0 %'
echo '1, Imaginary 9, IMG-1, 9.1, 208.0 W, 40000 MiB, 65536 MiB, 93 %'
"""


def doctor(*arguments: str, here: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pytest_sixdim.cli import main; sys.exit(main())",
            "doctor",
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "XDG_RUNTIME_DIR": str(here), **variables},
    )


def levels(record: dict[str, Any], level: str) -> list[tuple[str, str]]:
    return [(finding["about"], finding["text"]) for finding in record["findings"] if finding["level"] == level]


def test_this_host_as_a_cpu(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    answer = doctor("--vendor", "cpu", "--json", here=tmp_path)
    record = json.loads(answer.stdout)
    assert answer.stderr == ""
    assert record["schema"] == 1
    assert record["vendor"]["id"] == "cpu"
    assert record["torch"]["backend"] is True
    assert record["channels"]["memory"] == "process_memory"
    assert record["machine"]["results"] == str(tmp_path / "results")
    assert not (tmp_path / "results").exists()
    # The disk may be full here; nothing else of a CPU host with torch is a problem.
    assert [about for about, _ in levels(record, "problem") if about != "disk"] == []
    assert answer.returncode == (1 if levels(record, "problem") else 0)
    if "energy" not in record["channels"]:
        assert any(text.startswith("power will be unknown (rapl:") for _, text in levels(record, "warning"))


def test_text_ends_with_the_verdict(tmp_path: Path) -> None:
    answer = doctor("--vendor", "cpu", "--python", str(interpreter_without_torch(tmp_path)), here=tmp_path)
    lines = answer.stdout.splitlines()
    assert answer.returncode == 1
    assert lines[0].startswith("vendor   CPU (cpu)")
    (problem,) = [line for line in lines if line.startswith("problem") and "torch" in line]
    assert problem.endswith(
        "import torch: ModuleNotFoundError: No module named 'torch'"
        " -> install torch for CPU there, or name another interpreter with --python"
    )
    assert lines[-1].startswith("no benchmark can be trusted here: ")


def test_vendor_of_the_users_own_profile_and_tool(tmp_path: Path) -> None:
    (tmp_path / "imaginary.yaml").write_text(PROFILE)
    tool = tmp_path / "bin" / "img-smi"
    tool.parent.mkdir()
    tool.write_text(TOOL)
    tool.chmod(0o755)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={fake_torch(tmp_path / "torch")} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    asked = ("--profile", "imaginary.yaml", "--vendor", "imaginary", "--python", str(python))
    answer = doctor(*asked, "--json", here=tmp_path, PATH=f"{tool.parent}:{os.environ['PATH']}")
    record = json.loads(answer.stdout)
    assert [(card["name"], card["uuid"]) for card in record["cards"]] == [
        ("Imaginary 9", "IMG-0"),
        ("Imaginary 9", "IMG-1"),
    ]
    assert record["sources"][0]["readings"]["power"] == [61.5, 208.0]
    assert levels(record, "problem") == [("card 1", "93 % utilised by somebody who can't be seen from here")]
    assert answer.returncode == 1


def test_a_missing_tool_is_a_problem_with_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "imaginary.yaml").write_text(PROFILE)
    bare = str(interpreter_without_torch(tmp_path))
    answer = doctor("--profile", "imaginary.yaml", "--vendor", "imaginary", "--python", bare, here=tmp_path)
    assert answer.returncode == 1
    assert "power will be unknown (command: img-smi is not on PATH) -> img-smi comes with the driver" in answer.stdout
    assert "no card of Imaginary can be used here" in answer.stdout
    assert "Traceback" not in answer.stderr


def test_nvidia_cards_are_read_through_their_library(tmp_path: Path, nvml_stub: NvmlStub) -> None:
    busy = StubCard(Square(100, 300), words={"processes": "4242,2048", "utilization": 87})
    playing = nvml_stub.play([StubCard(Steady(310)), busy])
    bare = str(interpreter_without_torch(tmp_path))
    answer = doctor("--vendor", "nvidia", "--python", bare, "--json", here=tmp_path, **playing.environment)
    record = json.loads(answer.stdout)
    assert [card["name"] for card in record["cards"]] == ["NVIDIA H200", "NVIDIA H200"]
    assert [card["pci"] for card in record["cards"]] == ["0000:10:00.0", "0000:11:00.0"]
    assert record["channels"]["energy"] == "nvml"
    steady = record["calibrations"][0]
    assert steady["moves"] is True
    assert steady["tick_seconds"] == pytest.approx(0.1, rel=0.25)
    assert steady["watts"] == pytest.approx(310, rel=0.25)
    assert steady["polled_watts"] == pytest.approx(310, rel=0.02)
    assert [about for about, text in levels(record, "problem") if text.startswith("process 4242 ")] == ["card 1"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--vendor", "nvdia"], "--vendor: unknown vendor 'nvdia'; did you mean 'nvidia'?"),
        (["--vendor", "all"], "--vendor all: a host has one vendor"),
        (["--vendor", ""], "--vendor: unknown vendor ''; known: amd, "),
        (["--profile", "no-such.yaml"], "--profile no-such.yaml: there is no such file"),
    ],
)
def test_what_cannot_be_done_as_asked_is_a_usage_error(
    arguments: list[str], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("sixdim doctor: ")
    assert error in said.err


def test_a_broken_profile_names_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "imaginary.yaml"
    path.write_text(PROFILE.replace("enumerate: device_nodes", "enumerate: guess"))
    assert main(["doctor", "--profile", str(path)]) == 2
    assert "imaginary.yaml:6: " in capsys.readouterr().err
