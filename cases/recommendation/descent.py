"""Gradient descent on networks and on tables, of which a step reads a few rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class Descent(torch.optim.Optimizer):
    """Weights minus `lr` times their gradients, dense or sparse.

    torch.optim.SGD waits for the card in every step of the gradient scaler, to learn whether it is skipped; its fused
    form, which does not, takes no sparse gradients. Here nothing waits: the scaler leaves that to this optimiser.
    """

    _step_supports_amp_scaling = True

    def __init__(self, params: Iterable[Any], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Moves the weights. `closure` is there for the interface and must be None."""
        if closure is not None:
            raise ValueError("Descent takes no closure")
        scale, skipped = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        for group in self.param_groups:
            weights = group["params"]
            gradients = [weight.grad._values() if weight.grad.is_sparse else weight.grad for weight in weights]
            steps = torch._foreach_mul(gradients, -group["lr"])
            if scale is not None:
                torch._foreach_div_(steps, scale)
            if skipped is not None:
                steps = [torch.where(skipped > 0, 0, step) for step in steps]
            for weight, step in zip(weights, steps, strict=True):
                if weight.grad.is_sparse:
                    weight.index_add_(0, weight.grad._indices()[0], step)
                else:
                    weight += step
