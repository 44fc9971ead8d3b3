"""Optimisers of programs in torch: what decays, and one kernel where the card has it."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
from pytest_sixdim.training import loop  # noqa: E402


def test_biases_normalisation_and_what_is_frozen_do_not_decay() -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 2))
    model[2].weight.requires_grad_(False)
    decaying, kept = loop.decaying(model, 0.1)
    assert (decaying["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
    assert [p.shape for p in decaying["params"]] == [(8, 3, 3, 3)]
    assert [p.shape for p in kept["params"]] == [(8,), (8,), (8,), (2,)]


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_an_optimiser_is_one_kernel_where_there_is_one(kind: Any) -> None:
    model = torch.nn.Linear(2, 2)
    groups = loop.fused(kind, loop.decaying(model, 0.1), lr=0.3).param_groups
    assert [(group["fused"], group["lr"], group["weight_decay"]) for group in groups] == [
        (True, 0.3, 0.1),
        (True, 0.3, 0.0),
    ]


def test_an_optimiser_without_such_a_kernel_is_the_ordinary_one() -> None:
    parameters = torch.nn.Linear(2, 2).parameters()
    assert "fused" not in loop.fused(torch.optim.Rprop, parameters, lr=0.1).param_groups[0]


def test_a_card_without_the_fused_kernel_gets_the_ordinary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a card says so in the first step, not when the optimiser is made."""
    model = torch.nn.Linear(4, 4)

    def missing(*_: Any, **__: Any) -> None:
        raise NotImplementedError("Could not run 'aten::_fused_sgd_' with arguments from the 'PrivateUse1' backend")

    monkeypatch.setattr(torch, "_fused_sgd_", missing)
    optimizer = loop.fused(torch.optim.SGD, model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(1, 4)).sum().backward()
    optimizer.step()
    assert not optimizer.param_groups[0]["fused"]


def test_a_first_step_that_the_scaler_skips_leaves_no_momentum() -> None:
    """torch's fused SGD alone would go on with the uninitialised memory that it took for its momentum."""
    model = torch.nn.Linear(64, 64, bias=False)
    before = model.weight.detach().clone()
    optimizer = loop.fused(torch.optim.SGD, model.parameters(), lr=0.5, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu")
    for gradient in (float("inf"), 1.0):
        scaler.scale((model.weight * gradient).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    assert torch.allclose(model.weight, before - 0.5)
