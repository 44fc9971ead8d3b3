"""The adapters that --sixdim-adapter knows: what stands between a program that says "cuda" and another vendor's card.

What an adapter must say of itself on a vendor's cards stands in that vendor's profile (core.vendor.AdapterChoice).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_sixdim.core.closest import unknown_name


@dataclass(frozen=True)
class Adapter:
    """One adapter.

    Attributes:
        module: imported after torch and before the program.
        drives: attribute of the module: None where the adapter found no vendor's plugin, else what drives the card,
            with `arch` (a text) and `framework` (a module).
        banner: regular expression of the line that it prints on standard output once it is active, with the groups
            arch, framework, version and pid.
        switch: variable that leaves it without effect where it is a whole number above 0.
        recorded: regular expression of the variables that are written down.
        tools: regular expression of the variables that belong to tools which hook into every operator; no program is
            started with one of them. `tool_modules`: these tools, as modules.
        device, backend, amp: what the program is told, as on the cards of `stands_for`, the vendor that the adapter
            stands in for.
        install: what provides it.
    """

    name: str
    module: str
    drives: str
    banner: str
    switch: str
    recorded: str
    tools: str
    tool_modules: tuple[str, ...]
    device: str
    backend: str
    amp: str
    stands_for: str
    install: str


#: By name. Source of ditorch's: DeepLink-org/ditorch, commit 68ac0e4.
ADAPTERS: Mapping[str, Adapter] = {
    adapter.name: adapter
    for adapter in (
        Adapter(
            name="ditorch",
            module="ditorch",
            drives="adapter",
            banner=(
                r"^ditorch(?:\.framework)?: (?:(?P<arch>\S+) )?(?P<framework>torch_\w+):(?P<version>\S+)"
                r"\s+pid: (?P<pid>\d+)"
            ),
            switch="DITORCH_DISABLE_MOCK",
            recorded=r"DITORCH_\w+|\w*AUTOCOMPARE_ERROR_TOLERANCE\w*|\w*OP_DTYPE_CAST_DICT",
            # Not all of OP_*: other programs keep their secrets there.
            tools=r"OP_(?:TOOLS|CAPTURE|FALLBACK|AUTOCOMPARE|TIME_MEASURE|DTYPE_CAST|OVERFLOW|OBSERVE|DISPATCH)\w*",
            tool_modules=("op_tools",),
            device="cuda",
            backend="nccl",
            amp="torch.amp",
            stands_for="nvidia",
            install="clone https://github.com/DeepLink-org/ditorch and put the clone on PYTHONPATH",
        ),
    )
}


class AdapterError(LookupError):
    """A name that stands for no adapter; the message lists the known ones and the closest match."""


def adapter(name: str) -> Adapter:
    """The adapter called `name`. Raises AdapterError."""
    if name not in ADAPTERS:
        raise AdapterError(unknown_name("adapter", name, ADAPTERS))
    return ADAPTERS[name]
