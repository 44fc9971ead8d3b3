"""Torch of the training program's interpreter, asked in a process of its own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_sixdim.campaign.torch_of import TorchDevice, torch_of
from pytest_sixdim.core.vendor import VendorProfile
from tests.campaign.fake_torch import fake_torch, interpreter_without_torch

CPU = VendorProfile("cpu", "CPU", "处理器", "cores", "cpu", "gloo", fallback=True)
IMG = VendorProfile("img", "Imaginary", "虚", "pci", "img", "iccl", environment={"IMG_ORDER": "PCI"})


def test_torch_of_this_interpreter_imports_and_has_gloo() -> None:
    pytest.importorskip("torch")
    found = torch_of(sys.executable, CPU)
    assert (found.error, found.backend, found.devices) == (None, True, None)
    assert found.version
    assert found.python == ".".join(str(part) for part in sys.version_info[:3])


def test_devices_are_listed_with_what_identifies_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(fake_torch(tmp_path)))
    found = torch_of(sys.executable, IMG)
    assert found.devices == (
        TorchDevice("Imaginary 9", "IMG-0", "0000:01:00.0"),
        TorchDevice("Imaginary 9", "IMG-1", "0000:02:00.0"),
    )
    assert (found.version, found.backend, found.error) == ("9.9.9", True, None)


def test_the_profiles_environment_holds_there_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(fake_torch(tmp_path, more="import os; __version__ = os.environ['IMG_ORDER']")))
    assert torch_of(sys.executable, IMG).version == "PCI"


def test_an_interpreter_without_torch_says_so(tmp_path: Path) -> None:
    found = torch_of(str(interpreter_without_torch(tmp_path)), CPU)
    assert (found.version, found.failed) == (None, "import torch")
    assert found.error == "ModuleNotFoundError: No module named 'torch'"


def test_a_missing_plugin_of_the_vendor_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(fake_torch(tmp_path)))
    found = torch_of(sys.executable, replace(IMG, imports=("torch_img",)))
    assert (found.version, found.failed) == ("9.9.9", "import torch_img")
    assert found.error == "ModuleNotFoundError: No module named 'torch_img'"


def test_a_torch_of_another_vendor_has_no_such_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(fake_torch(tmp_path, more="del img")))
    found = torch_of(sys.executable, IMG)
    assert (found.failed, found.devices) == ("torch.img", None)


def test_a_backend_that_torch_only_lists_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(fake_torch(tmp_path)))
    assert torch_of(sys.executable, replace(IMG, backend="gloo")).backend is True
    assert torch_of(sys.executable, replace(IMG, backend="xccl")).backend is False


@pytest.mark.parametrize(
    ("more", "timeout", "error"),
    [
        ("import time; time.sleep(3600)", 3.0, "no answer within 3 s"),
        ("import os; os.kill(os.getpid(), 11)", 60.0, "its process ended with SIGSEGV"),
    ],
    ids=["hangs", "crashes"],
)
def test_a_torch_that_hangs_or_crashes_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, timeout: float, error: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(fake_torch(tmp_path, more=more)))
    found = torch_of(sys.executable, IMG, timeout=timeout)
    assert found.python is None
    assert found.error is not None
    assert found.error.startswith(error)


@pytest.mark.parametrize(
    ("executable", "error"),
    [
        ("/no/such/python", "No such file or directory"),
        ("/bin/false", "its process ended with exit code 1"),
        ("/bin/echo", "it did not answer as a Python interpreter"),
    ],
)
def test_what_is_no_interpreter_is_told(executable: str, error: str) -> None:
    assert torch_of(executable, CPU).error == error
