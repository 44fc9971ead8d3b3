"""How each channel is asked of NVML: the ways in order of preference, with the unit of what comes back.

NVML's fields, from nvml.h and the comments of nvidia-ml-py's pynvml.py: 83 energy, mJ since the driver was loaded; 185
and 186 power, mW, averaged over 1 s and instant, each with a scope (0 the GPU, 1 the module); 74 (software power cap),
269 (software thermal), 270 (hardware thermal), 271 (hardware power brake): ns held back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pytest_sixdim.samplers.nvml_library import NvmlLibrary

ENERGY, AVERAGE, INSTANT = 83, 185, 186
POWER_CAP, SOFTWARE_THERMAL, HARDWARE_THERMAL, POWER_BRAKE = 74, 269, 270, 271
GPU, MODULE = 0, 1
#: Fields 269 to 271 mean this since this driver. In nvidia-ml-py 12.575 to 13.580.65 the reasons were 251 to 253, and
#: 269 to 271 were settings of power smoothing.
REASON_FIELDS_SINCE = (580, 82)
#: Bits of the clocks' event reasons: hardware slowdown, thermal, power brake; software thermal; software power cap.
HARDWARE_BITS, THERMAL_BITS, POWER_BITS = 0x8 | 0x40 | 0x80, 0x20, 0x4
#: Policies of nvmlDeviceGetViolationStatus.
POWER_POLICY, THERMAL_POLICY = 0, 1
#: The GPU's own sensor; the streaming multiprocessors' clock.
SENSOR, CLOCK = 0, 1
#: GA100's compute capability: up to it the plain power usage is instant, above it a mean over 1 s.
GA100 = (8, 0)


@dataclass(frozen=True)
class Way:
    """One way to read a channel: the sum of `fields` (id, scope), or what `call` returns of a card's handle, times
    `unit`. `call` raises NVMLError, or returns None for "no answer"."""

    method: str
    fields: tuple[tuple[int, int], ...] = ()
    call: Callable[[Any], float | None] | None = None
    unit: float = 1.0
    scope: Literal["card", "module"] = "card"


def ways(channel: str, library: NvmlLibrary, handles: Sequence[Any]) -> list[Way]:
    """The ways to read a channel of these cards, the best first; none for a channel that NVML does not know."""
    if channel == "power":
        return _power(library, handles)
    if channel.startswith("slowdown_"):
        return _slowdown(channel, library)
    known = {
        "energy": [
            Way("counter", fields=((ENERGY, GPU),), unit=1e-3),
            Way("counter", call=library.nvmlDeviceGetTotalEnergyConsumption, unit=1e-3),
        ],
        "memory": [
            Way("NVML v2, without reserved", call=lambda handle: used_memory(library, handle, 2)),
            Way("NVML v1, with reserved", call=lambda handle: used_memory(library, handle, 1)),
        ],
        "temperature": [
            Way("GPU", call=lambda handle: library.nvmlDeviceGetTemperatureV(handle, SENSOR)),
            Way("GPU", call=lambda handle: library.nvmlDeviceGetTemperature(handle, SENSOR)),
        ],
        "utilization": [Way("GPU", call=lambda handle: library.nvmlDeviceGetUtilizationRates(handle).gpu)],
        "clock": [Way("SM", call=lambda handle: library.nvmlDeviceGetClockInfo(handle, CLOCK))],
    }
    return known.get(channel, [])


def used_memory(library: NvmlLibrary, handle: Any, version: int) -> float | None:
    """Bytes in use by the library's interface of that version; None for a card without memory of its own (total 0)."""
    memory = library.nvmlDeviceGetMemoryInfo(handle, library.nvmlMemory_v2 if version == 2 else None)
    return float(memory.used) if memory.total > 0 else None


def event_reasons(library: NvmlLibrary, handle: Any) -> int:
    """The bits of why the clocks are where they are; called throttle reasons before driver 535."""
    try:
        return int(library.nvmlDeviceGetCurrentClocksEventReasons(handle))
    except library.pynvml.NVMLError_FunctionNotFound:
        return int(library.nvmlDeviceGetCurrentClocksThrottleReasons(handle))


def _power(library: NvmlLibrary, handles: Sequence[Any]) -> list[Way]:
    """Of the GPU alone where that is told: superchips may tell only that of the module."""
    return [
        Way("instant", fields=((INSTANT, GPU),), unit=1e-3),
        Way("average", fields=((AVERAGE, GPU),), unit=1e-3),
        Way("instant", fields=((INSTANT, MODULE),), unit=1e-3, scope="module"),
        Way("average", fields=((AVERAGE, MODULE),), unit=1e-3, scope="module"),
        Way(_usage_method(library, handles), call=library.nvmlDeviceGetPowerUsage, unit=1e-3),
    ]


def _usage_method(library: NvmlLibrary, handles: Sequence[Any]) -> str:
    """What the plain power usage is on these cards (NVML's documentation of nvmlDeviceGetPowerUsage)."""
    found = {library.ask(library.nvmlDeviceGetCudaComputeCapability, handle) for handle in handles}
    if None in found or len({capability > GA100 for capability in found}) != 1:
        return "unstated"
    return "average" if found.pop() > GA100 else "instant"


def _slowdown(channel: str, library: NvmlLibrary) -> list[Way]:
    """Counters of the time held back, else the bits of the moment."""
    known = library.driver_release >= REASON_FIELDS_SINCE
    if channel == "slowdown_hardware":
        both = [_counter(HARDWARE_THERMAL, POWER_BRAKE), _counter(HARDWARE_THERMAL)]
        return [*(both if known else []), _by_reasons(library, HARDWARE_BITS)]
    if channel == "slowdown_thermal":
        first = [_counter(SOFTWARE_THERMAL)] if known else []
        return [*first, _by_violation(library, THERMAL_POLICY), _by_reasons(library, THERMAL_BITS)]
    return [_counter(POWER_CAP), _by_violation(library, POWER_POLICY), _by_reasons(library, POWER_BITS)]


def _counter(*fields: int) -> Way:
    return Way("counter", fields=tuple((field, GPU) for field in fields), unit=1e-9)


def _by_violation(library: NvmlLibrary, policy: int) -> Way:
    def seconds(handle: Any) -> float:
        return float(library.nvmlDeviceGetViolationStatus(handle, policy).violationTime)

    return Way("counter", call=seconds, unit=1e-9)


def _by_reasons(library: NvmlLibrary, bits: int) -> Way:
    return Way("instant", call=lambda handle: float(bool(event_reasons(library, handle) & bits)))
