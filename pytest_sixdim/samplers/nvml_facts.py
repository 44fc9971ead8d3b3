"""What NVML knows of a card besides readings: who it is, its settings, its error counts, who uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from pytest_sixdim.core.facts import CardFacts, ProcessOnCard
from pytest_sixdim.samplers import Card
from pytest_sixdim.samplers.identity import pci_address
from pytest_sixdim.samplers.nvml_library import NvmlLibrary
from pytest_sixdim.samplers.nvml_ways import CLOCK, SENSOR, event_reasons, used_memory

#: nvml.h: counts since the driver was loaded; kinds of memory errors; a clock that somebody has set.
_VOLATILE, _CORRECTED, _UNCORRECTED, _SET_CLOCK = 0, 0, 1, 0x2


def described(library: NvmlLibrary, handle: Any, index: int, *, facts: bool = True) -> Card:
    """The card as NVML lists it; `facts`: with what is known of it besides."""
    pci = library.ask(library.nvmlDeviceGetPciInfo, handle)
    memory = _memory(library, handle)
    board = library.ask(library.nvmlDeviceGetBoardId, handle)
    return Card(
        index=index,
        name=library.ask(library.nvmlDeviceGetName, handle) or f"card {index}",
        uuid=library.ask(library.nvmlDeviceGetUUID, handle) or None,
        pci=pci_address(_text(pci.busId)) if pci is not None else None,
        total_bytes=memory.total or None if memory is not None else None,
        board=None if board is None else f"{board:x}",
        facts=card_facts(library, handle) if facts else CardFacts(),
    )


def divided(library: NvmlLibrary, handle: Any) -> bool:
    """Whether the card is divided (MIG)."""
    mode = library.ask(library.nvmlDeviceGetMigMode, handle)
    return mode is not None and mode[0] == 1


def card_facts(library: NvmlLibrary, handle: Any) -> CardFacts:
    """All that the card answers; what it does not is left out."""
    ask = library.ask
    used, method = ask(used_memory, library, handle, 2), "NVML v2, without reserved"
    if used is None:
        used, method = ask(used_memory, library, handle, 1), "NVML v1, with reserved"
    limit = ask(library.nvmlDeviceGetPowerManagementLimit, handle)
    default = ask(library.nvmlDeviceGetPowerManagementDefaultLimit, handle)
    utilization = ask(library.nvmlDeviceGetUtilizationRates, handle)
    mig = ask(library.nvmlDeviceGetMigMode, handle)
    persistence = ask(library.nvmlDeviceGetPersistenceMode, handle)
    found: dict[str, Any] = {
        "driver": library.driver,
        "power_limit_watts": None if limit is None else limit / 1e3,
        "power_default_watts": None if default is None else default / 1e3,
        "clock_mhz": ask(library.nvmlDeviceGetClockInfo, handle, CLOCK),
        "clock_max_mhz": ask(library.nvmlDeviceGetMaxClockInfo, handle, CLOCK),
        "clocks_locked": _clocks_locked(library, handle),
        "ecc_corrected": ask(library.nvmlDeviceGetTotalEccErrors, handle, _CORRECTED, _VOLATILE),
        "ecc_uncorrected": ask(library.nvmlDeviceGetTotalEccErrors, handle, _UNCORRECTED, _VOLATILE),
        "pcie_replays": ask(library.nvmlDeviceGetPcieReplayCounter, handle),
        "processes": _processes(library, handle),
        "utilization_percent": None if utilization is None else utilization.gpu,
        "memory_used_bytes": None if used is None else int(used),
        "memory_method": None if used is None else method,
        "temperature_celsius": ask(library.nvmlDeviceGetTemperature, handle, SENSOR),
        "mig": None if mig is None else mig[0] == 1,
        "persistence": None if persistence is None else persistence == 1,
    }
    return cast(CardFacts, {name: value for name, value in found.items() if value is not None})


def _clocks_locked(library: NvmlLibrary, handle: Any) -> bool | None:
    """True where an application clock differs from the card's own, or the driver says that a setting holds the clock.

    Never False: NVML cannot tell whether somebody locked the clocks at where they happen to be.
    """
    now = library.ask(library.nvmlDeviceGetApplicationsClock, handle, CLOCK)
    default = library.ask(library.nvmlDeviceGetDefaultApplicationsClock, handle, CLOCK)
    reasons = library.ask(event_reasons, library, handle)
    changed = now is not None and default is not None and now != default
    return True if changed or (reasons or 0) & _SET_CLOCK else None


def _processes(library: NvmlLibrary, handle: Any) -> list[ProcessOnCard] | None:
    """The processes that compute on the card; None where they are not told."""
    for function in (library.nvmlDeviceGetComputeRunningProcesses_v3, library.nvmlDeviceGetComputeRunningProcesses_v2):
        processes = library.ask(function, handle)
        if processes is not None:
            return [
                ProcessOnCard(pid=process.pid, bytes=process.usedGpuMemory, name=_name(library, process.pid))
                for process in processes
            ]
    return None


def _name(library: NvmlLibrary, pid: int) -> str | None:
    name = library.ask(library.nvmlSystemGetProcessName, pid)
    return None if name is None else _text(name)


def _memory(library: NvmlLibrary, handle: Any) -> Any:
    versions: tuple[Callable[[], Any], ...] = (
        lambda: library.nvmlDeviceGetMemoryInfo(handle, library.nvmlMemory_v2),
        lambda: library.nvmlDeviceGetMemoryInfo(handle),
    )
    return next((memory for version in versions if (memory := library.ask(version)) is not None), None)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
