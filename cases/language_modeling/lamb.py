"""LAMB: You et al., Large Batch Optimization for Deep Learning, <https://arxiv.org/abs/1904.00962>, algorithm 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch


class Lamb(torch.optim.Optimizer):
    """Adam's step of every tensor, made as long as `lr` times the tensor itself.

    As in NVIDIA's MLPerf recipe, a group without weight decay (biases, normalisation) takes Adam's step unscaled.
    Nothing waits for the device, nor where the gradient scaler skips a step: it leaves that to this optimiser.
    """

    _step_supports_amp_scaling = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Moves the weights. `closure` is there for the interface and must be None."""
        if closure is not None:
            raise ValueError("Lamb takes no closure")
        scale, skipped = getattr(self, "grad_scale", None), getattr(self, "found_inf", None)
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                gradients = [weight.grad for weight in weights]
                if scale is not None:
                    gradients = torch._foreach_div(gradients, scale)
                if skipped is not None:
                    gradients = [torch.where(skipped > 0, 0, gradient) for gradient in gradients]
                self._move(group, weights, gradients, skipped)

    def _move(
        self,
        group: dict[str, Any],
        weights: list[torch.Tensor],
        gradients: tuple[torch.Tensor, ...] | list[torch.Tensor],
        skipped: torch.Tensor | None,
    ) -> None:
        """A step of one group; `skipped`: 1 where nothing may change."""
        (first, second), count = self._moments(group, weights)
        (beta1, beta2), taken = group["betas"], 1.0 if skipped is None else 1 - skipped
        count += taken
        number = count.clamp(min=1)  # 0 where the first step is skipped: 0 / 0 would be no number
        follow(first, gradients, (1 - beta1) * taken)
        follow(second, torch._foreach_mul(gradients, gradients), (1 - beta2) * taken)
        steps = torch._foreach_div(second, 1 - beta2**number)
        torch._foreach_sqrt_(steps)
        torch._foreach_add_(steps, group["eps"])
        steps = torch._foreach_div(first, steps)
        torch._foreach_div_(steps, 1 - beta1**number)
        if group["weight_decay"]:
            torch._foreach_add_(steps, weights, alpha=group["weight_decay"])
            torch._foreach_mul_(steps, trust(weights, steps))
        torch._foreach_mul_(steps, -group["lr"] * taken)
        torch._foreach_add_(weights, steps)

    def _moments(
        self, group: dict[str, Any], weights: list[torch.Tensor]
    ) -> tuple[tuple[list[torch.Tensor], list[torch.Tensor]], torch.Tensor]:
        for weight in weights:
            if not self.state[weight]:
                self.state[weight] = {"first": torch.zeros_like(weight), "second": torch.zeros_like(weight)}
        if "count" not in group:
            group["count"] = torch.zeros((), device=weights[0].device)
        first, second = ([self.state[weight][name] for weight in weights] for name in ("first", "second"))
        return (first, second), group["count"]


def follow(moments: list[torch.Tensor], values: Iterable[torch.Tensor], share: float | torch.Tensor) -> None:
    """Moves every moment by this share of the way to its value. `torch._foreach_lerp_` would wait to read the share."""
    torch._foreach_mul_(moments, 1 - share)
    torch._foreach_add_(moments, torch._foreach_mul(values, share))


def trust(weights: list[torch.Tensor], steps: list[torch.Tensor] | tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    """The norm of each tensor over that of its step, 1 where either is 0."""
    ratios = zip(torch._foreach_norm(weights), torch._foreach_norm(steps), strict=True)
    return [torch.where((size > 0) & (step > 0), size / step, 1.0) for size, step in ratios]
