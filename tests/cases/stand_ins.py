"""What torch asks a driver for, on fake tensors: its backward pass, cuDNN's LSTM, random numbers, moving a module."""

from __future__ import annotations

import collections
import itertools
from typing import Any

import torch


class Generator(torch.Generator):
    """Of random numbers that nobody draws, on whatever device."""

    def __new__(cls, device: Any = None) -> Generator:
        """`device` is left out: there is none."""
        return super().__new__(cls)


@torch.no_grad()
def backward(loss: torch.Tensor) -> None:
    """Stands in for autograd's engine, which asks the driver for streams: runs the same nodes, each when it is due."""
    waits: collections.Counter[Any] = collections.Counter()
    first, known = loss.grad_fn, {loss.grad_fn}
    unseen: list[Any] = [first]
    while unseen:
        for node, _ in unseen.pop().next_functions:
            if node is not None:
                waits[node] += 1
                if node not in known:
                    known.add(node)
                    unseen.append(node)
    gradients: dict[Any, dict[int, torch.Tensor]] = {first: {0: torch.ones_like(loss)}}
    ready: list[Any] = [first]
    while ready:
        node = ready.pop()
        found = gradients.pop(node, {})
        inputs = [found.get(place) for place in range(len(node._input_metadata))]
        given = (node.apply if hasattr(node, "apply") else node)(*inputs) if found else ()
        given = given if isinstance(given, tuple) else (given,)
        for (following, place), gradient in zip(node.next_functions, given or itertools.repeat(None), strict=False):
            if following is None:
                continue
            if gradient is not None:
                expected = following._input_metadata[place]
                assert gradient.device == expected.device, (node, following)
                kept = gradients.setdefault(following, {})
                gradient = gradient.sum_to_size(expected.shape).to(expected.dtype)
                kept[place] = kept[place] + gradient if place in kept else gradient
            waits[following] -= 1
            if waits[following] == 0:
                ready.append(following)


def moving() -> Any:
    """Stands in for `Module._apply`, which cannot make fake tensors of real ones; what is shared stays so."""
    moved: dict[torch.Tensor, torch.nn.Parameter] = {}

    def apply(module: torch.nn.Module, change: Any, recurse: bool = True) -> torch.nn.Module:
        for child in module.children() if recurse else ():
            child._apply(change)
        for name, weight in module._parameters.items():
            if weight is not None:
                if weight not in moved:
                    moved[weight] = torch.nn.Parameter(change(weight.detach()), weight.requires_grad)
                module._parameters[name] = moved[weight]
        module._buffers.update({name: change(kept) for name, kept in module._buffers.items() if kept is not None})
        return module

    return apply


def lstm(given: Any, states: Any, weights: Any, *_: Any) -> Any:
    """Stands in for cuDNN's LSTM, which needs a driver: one product has the shapes and, under autocast, the types."""
    kind = torch.get_autocast_dtype("cuda") if torch.is_autocast_enabled("cuda") else given.dtype
    given, weights = given.to(kind), [weight.to(kind) for weight in weights]
    width = states[0].shape[-1]
    said = (given @ weights[0].T + weights[2] + weights[3])[..., :width] @ weights[1].T
    said = said[..., :width].tanh()
    return said, states[0].to(kind), states[1].to(kind)
