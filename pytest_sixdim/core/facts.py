"""What is read of a card once or at the edges of a run, by name; a source leaves out what it does not know."""

from __future__ import annotations

from typing import TypedDict


class ProcessOnCard(TypedDict, total=False):
    """A process that computes on a card.

    bytes: of the card's memory. own: whether it belongs to the run; null where it cannot be seen from here (another
    container).
    """

    pid: int
    bytes: int | None
    name: str | None
    own: bool | None


class CardFacts(TypedDict, total=False):
    """All facts that a sampler may give of a card.

    Attributes:
        driver, runtime, firmware: versions.
        power_limit_watts, power_default_watts: the cap in force, and the one that the card came with.
        clock_mhz, clock_max_mhz: of the matrix units, now and at most.
        clocks_locked: whether somebody fixed the clocks.
        ecc_corrected, ecc_uncorrected, pcie_replays: counts since the driver was loaded.
        xids: the driver's error numbers seen since the sampler was opened, in order (NVIDIA's Xid).
        processes: that compute on the card.
        utilization_percent, memory_used_bytes, temperature_celsius: as read.
        mig: the card is divided.
        lost: the source says that the card is gone.
        persistence: the driver stays loaded between processes.
        memory_method: which of the library's interfaces answered for the used memory.
    """

    driver: str
    runtime: str
    firmware: str
    power_limit_watts: float
    power_default_watts: float
    clock_mhz: float
    clock_max_mhz: float
    clocks_locked: bool
    ecc_corrected: int
    ecc_uncorrected: int
    pcie_replays: int
    xids: list[int]
    processes: list[ProcessOnCard]
    utilization_percent: float
    memory_used_bytes: int
    temperature_celsius: float
    mig: bool
    lost: bool
    persistence: bool
    memory_method: str
