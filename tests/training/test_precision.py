"""The probe of how many bits the matrix units are fed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_sixdim import training
from pytest_sixdim.training import starting
from pytest_sixdim.training.precision import significand_bits

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(("precision", "bits"), [("fp32", 24), ("bf16", 8), ("amp-bf16", 8), ("fp16", 11)])
def test_bits_kept_by_a_matmul_and_a_convolution(precision: str, bits: int) -> None:
    kept = significand_bits(torch, torch.device("cpu"), precision)
    assert kept == {"matmul": bits, "convolution": bits}


def test_a_device_that_lacks_an_operation_is_not_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError("no convolution here")

    monkeypatch.setattr(torch.nn.functional, "conv2d", refuse)
    assert significand_bits(torch, torch.device("cpu"), "fp32") is None


@pytest.mark.parametrize(("precision", "fits"), [("fp32", False), ("tf32", True), ("amp-bf16", True)])
def test_fewer_bits_than_declared_fail_the_run_and_are_reported_first(
    told: Callable[..., Any],
    reported: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    fits: bool,
) -> None:
    """A card that computes fp32 convolutions in TF32, as several do by default."""
    monkeypatch.setitem(__import__("sys").modules, "torch", torch)
    monkeypatch.setattr(starting, "significand_bits", lambda *_: {"matmul": 24, "convolution": 11})
    told(precision=precision)
    if fits:
        training.start()
    else:
        with pytest.raises(RuntimeError, match="fp32 declares 24 significand bits, a convolution keeps 11"):
            training.start()
    assert reported("start")[0].precision_probe == {"matmul": 24, "convolution": 11}


def test_a_precision_without_known_bits_is_declared_only(
    told: Callable[..., Any], reported: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", torch)
    told(precision="fp8")
    training.start()
    assert reported("start")[0].precision_probe is None
