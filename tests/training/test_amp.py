"""The program's precision: its switches, its autocast, its gradient scaler; and the data's generator."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pytest_sixdim import training

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def with_torch(alone: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "torch", torch)
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


def product(run: training.Run) -> Any:
    """What a matrix product of 32-bit floats comes out as."""
    with run.autocast():
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


@pytest.mark.parametrize(
    ("precision", "kind", "scales"),
    [("fp32", "float32", False), ("amp-bf16", "bfloat16", False), ("amp-fp16", "float16", True)],
)
def test_autocast_and_scaler_follow_the_precision(
    told: Callable[..., Any], precision: str, kind: str, scales: bool
) -> None:
    told(precision=precision)
    run = training.start(precision=precision)
    assert [product(run), product(run)] == [getattr(torch, kind)] * 2  # a new context for every step
    assert run.grad_scaler().is_enabled() is scales


def test_by_hand_the_programs_precision_rules() -> None:
    run = training.start(precision="amp-bf16")
    assert run.precision == "amp-bf16"
    assert product(run) is torch.bfloat16
    assert product(training.start()) is torch.float32


def test_another_precision_than_asked_for_is_refused(told: Callable[..., Any]) -> None:
    told(precision="fp32")
    with pytest.raises(ValueError, match="the program's precision is amp-bf16, the run was asked for fp32"):
        training.start(precision="amp-bf16")


@pytest.mark.parametrize(("precision", "on"), [("fp32", False), ("tf32", True), ("amp-fp16", True)])
def test_tf32_is_off_under_fp32_and_on_under_all_others(told: Callable[..., Any], precision: str, on: bool) -> None:
    told(precision=precision)
    torch.set_float32_matmul_precision("highest" if on else "high")
    torch.backends.cudnn.allow_tf32 = not on
    training.start(precision=precision)
    assert torch.get_float32_matmul_precision() == ("high" if on else "highest")
    assert torch.backends.cudnn.allow_tf32 is on


def test_a_program_that_names_no_precision_keeps_its_switches(told: Callable[..., Any]) -> None:
    told(precision="fp32")
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.allow_tf32 = True
    training.start()
    assert torch.get_float32_matmul_precision() == "high"
    assert torch.backends.cudnn.allow_tf32


def test_a_vendors_own_amp_is_not_told_the_device(told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch_musa.amp and torch_npu.npu.amp have it; the second cannot be imported by its name."""
    calls: list[Any] = []

    def autocast(enabled: bool = True, dtype: Any = None, cache_enabled: bool = True) -> Any:
        calls.append((enabled, dtype, cache_enabled))
        return contextlib.nullcontext()

    def scaler(init_scale: float = 65536.0, enabled: bool = True) -> Any:
        return (init_scale, enabled)

    vendor: Any = ModuleType("torch_cards")
    vendor.cards = SimpleNamespace(amp=SimpleNamespace(autocast=autocast, GradScaler=scaler))
    monkeypatch.setitem(sys.modules, "torch_cards", vendor)
    told(precision="amp-fp16", amp="torch_cards.cards.amp")
    run = training.start()
    with run.autocast():
        pass
    assert calls == [(True, torch.float16, True)]
    assert run.grad_scaler() == (65536.0, True)


def test_an_old_torch_has_its_scaler_beside_the_device(
    told: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(torch.amp, "GradScaler")
    monkeypatch.setattr(torch.cpu.amp, "GradScaler", lambda init_scale=1.0, enabled=True: ("old", enabled))
    told(precision="amp-fp16")
    assert training.start().grad_scaler() == ("old", True)


@pytest.mark.parametrize(("kind", "reported_as"), [("generated", "patterns-1"), ("real", None)])
def test_the_generator_is_named_where_data_is_generated(
    told: Callable[..., Any], reported: Callable[..., list[Any]], kind: str, reported_as: str | None
) -> None:
    told(data={"kind": kind, "path": None})
    training.start(generator="patterns-1", versions={"compile": True})
    assert reported("start")[0].generator == reported_as
    assert reported("start")[0].versions["compile"] is True
