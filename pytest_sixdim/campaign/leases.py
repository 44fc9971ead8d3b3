"""Who has this host's cards: one lock a card, all or nothing, in turn (docs/method.md, docs/sharing.md)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.cards import host_lease
from pytest_sixdim.samplers import Device


@dataclass(frozen=True)
class Lease:
    """Cards that a run holds. `descriptors` hold the locks: whoever has them open holds the cards."""

    devices: tuple[Device, ...]
    shared: bool
    descriptors: tuple[int, ...]
    since_unix: float

    def look(self) -> None:
        """Note who else holds cards of this host just now; to be called now and then while the run goes on."""

    def record(self) -> dict[str, Any]:
        """lease.json: plain types."""
        return {
            "shared": self.shared,
            "cards": [device.id for device in self.devices],
            "since_unix": self.since_unix,
            "until_unix": time.time(),
            "process": os.getpid(),
            "neighbours": [],
        }


@contextmanager
def lease(
    run: Path, label: str, pool: Sequence[Device], count: int, *, share: bool, waiting: Callable[[str], None]
) -> Iterator[Lease]:
    """Hold `count` cards of `pool` for the run kept in folder `run` until the block ends and the agent has ended.

    Waits for its turn, after `waiting` was told who has what. label: names the run for others who wait.
    share: whether others may have the host's other cards meanwhile; without, the host is held as a whole.
    """
    with host_lease(label, waiting) as descriptor:
        yield Lease(tuple(pool[:count]), share, (descriptor,), time.time())
