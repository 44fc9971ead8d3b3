"""Finds what in a training step would wait for a card, on a CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

#: Operations whose shape or value the host has to know, and that with which numbers of Python become a tensor.
WAIT = {"_local_scalar_dense", "equal", "is_nonzero", "lift_fresh", "masked_select", "nonzero", "_unique2"}


class _Watching(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, operation: Any, types: Any, given: Any = (), options: Any = None) -> Any:
        name = operation.overloadpacket.__name__
        masks = (
            [index for index in given[1] if index is not None and index.dtype == torch.bool]
            if name in {"index", "index_put_"}
            else []
        )
        if name in WAIT or masks:
            self.seen.append(name)
        return operation(*given, **(options or {}))


def waiting(step: Callable[[], object]) -> list[str]:
    """The operations of a step that wait for the device, by the names of torch's `aten`; a copy of a scalar is one."""
    with _Watching() as watching:
        step()
    return watching.seen
