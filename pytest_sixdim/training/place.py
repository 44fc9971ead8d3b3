"""This process among the ranks, and its device."""

from __future__ import annotations

import importlib
import json
import os
import platform
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Any

#: Frameworks whose versions are reported where the program has imported them; torch says more of itself.
FRAMEWORKS = ("jax", "jaxlib", "tensorflow", "keras", "mindspore", "paddle")


class Place:
    """This process among the ranks, and its device.

    Which rank it is, torch.distributed says where the program has joined a group by then, else torchrun's variables;
    where nothing is said there is one. `device` is None without torch. `cards`: that this process drives. `wait`: has
    all of them finish their work.
    """

    def __init__(self, cards: int = 1, wait: Callable[[], object] | None = None) -> None:
        self.rank, self.world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        group = getattr(sys.modules.get("torch"), "distributed", None)
        if group is not None and group.is_available() and group.is_initialized():
            self.rank, self.world_size = group.get_rank(), group.get_world_size()
        self.local_rank = int(os.environ.get("LOCAL_RANK", str(self.rank)))
        # A program that has not imported torch does not train with it.
        used = "torch" in sys.modules or self.world_size > 1
        self.torch: Any = importlib.import_module("torch") if used else None
        self.device: Any = None
        self.cards = cards
        self.versions: dict[str, Any] = {"python": platform.python_version()}
        imported = ((name, sys.modules.get(name)) for name in FRAMEWORKS)
        self.versions.update({name: str(getattr(module, "__version__", "")) for name, module in imported if module})
        self._wait = wait
        self._accelerator: Any = None  # torch.cuda or its like; None on a CPU
        self._joined = False

    def join(self, kind: str | None, imports: Iterable[str], backend: str | None) -> None:
        """Takes a device of this kind (None: what torch finds), after `imports`, and joins the process group."""
        torch = self.torch
        modules = {name: importlib.import_module(name) for name in imports}
        if kind is None and hasattr(torch, "accelerator"):
            kind = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
        elif kind is None:
            kind = "cuda" if torch.cuda.is_available() else "cpu"
        self.device = torch.device(kind)
        if kind != "cpu":
            self._accelerator = getattr(torch, kind)
            count = self._accelerator.device_count()
            if count == 0:
                text = "torch %s sees no device of kind %s: is it the vendor's build, and are the cards visible?"
                raise RuntimeError(text % (torch.__version__, kind))
            index = self.local_rank % count  # a rank may see its own card only
            self._accelerator.set_device(index)
            self.device = torch.device(kind, index)
        if self.world_size > 1 and not torch.distributed.is_initialized():
            torch.distributed.init_process_group(backend or ("gloo" if kind == "cpu" else None))
            self._joined = True
        self.versions.update(torch=str(torch.__version__), num_threads=torch.get_num_threads())
        self.versions.update({k: v for k, v in vars(torch.version).items() if isinstance(v, str) and k[0] != "_"})
        self.versions.update({name: str(getattr(module, "__version__", "")) for name, module in modules.items()})

    def leave(self) -> None:
        """Leaves the process group that `join` made."""
        if self._joined:
            self.torch.distributed.destroy_process_group()

    def synchronize(self) -> None:
        """Waits until the device has done all that it was given."""
        if self._accelerator is not None:
            self._accelerator.synchronize()
        if self._wait is not None:
            self._wait()

    def gather(self, *values: float) -> list[tuple[float, ...]]:
        """The values of every rank, by rank; a barrier too. They travel as bytes: not every card has 64-bit floats."""
        layout = "=%dd" % len(values)
        return [struct.unpack(layout, row) for row in self._exchange(struct.pack(layout, *values))]

    def devices(self) -> list[dict[str, Any]] | None:
        """What torch says of every rank's device, by rank: name, uuid, pci, each where it knows; None on a CPU."""
        if self._accelerator is None:
            return None
        mine = json.dumps(described(self._accelerator, self.local_rank)).encode()
        longest = max(int(length) for (length,) in self.gather(len(mine)))
        return [json.loads(row) for row in self._exchange(mine.ljust(longest))]

    def _exchange(self, mine: bytes) -> list[bytes]:
        """The bytes of every rank, by rank; of the same number everywhere."""
        if self.world_size == 1:
            return [mine]
        sent = self.torch.tensor(list(mine), dtype=self.torch.uint8, device=self.device)
        everyone = [self.torch.empty_like(sent) for _ in range(self.world_size)]
        self.torch.distributed.all_gather(everyone, sent)
        return [bytes(row.tolist()) for row in everyone]

    def peaks(self) -> tuple[int, int] | None:
        """This rank's peaks of allocated and reserved bytes; None where torch does not count them."""
        if not hasattr(self._accelerator, "max_memory_reserved"):
            return None
        return self._accelerator.max_memory_allocated(), self._accelerator.max_memory_reserved()


def described(accelerator: Any, local_rank: int) -> dict[str, Any]:
    """The name, UUID and PCI address of this rank's device, as far as torch.cuda or its like knows them."""
    try:
        properties = accelerator.get_device_properties(local_rank % accelerator.device_count())
    except Exception:  # a vendor's extension may raise anything
        return {}
    numbers: list[Any] = [getattr(properties, "pci_%s_id" % part, None) for part in ("domain", "bus", "device")]
    whole = all(isinstance(number, int) for number in numbers)
    known = {"name": getattr(properties, "name", None), "uuid": getattr(properties, "uuid", None)}
    known["pci"] = "%04x:%02x:%02x.0" % tuple(numbers) if whole else None
    return {name: str(value) for name, value in known.items() if value}
