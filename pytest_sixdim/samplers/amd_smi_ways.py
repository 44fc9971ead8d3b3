"""How each channel is asked of AMD SMI, and what its answers mean.

Units as the package's reference gives them: energy accumulator x counter_resolution (uJ), power W, memory bytes,
temperature degC, activity %, clock MHz.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: What the package or the driver puts where it knows nothing: the largest number of 16, 32 or 64 bits.
_NOTHING = frozenset({0xFFFF, 0xFFFFFFFF, 2**64 - 1})
#: A channel of being held back -> the firmware's counters of it in gpu_metrics. They count beside accumulation_counter:
#: the share of time is the ratio of their differences (amdsmi.h, violation status).
SLOWDOWNS: Mapping[str, tuple[str, ...]] = {
    "slowdown_hardware": ("prochot_residency_acc", "vr_thm_residency_acc"),
    "slowdown_thermal": ("socket_thm_residency_acc", "hbm_thm_residency_acc"),
    "slowdown_power": ("ppt_residency_acc",),
}


@dataclass(frozen=True)
class Way:
    """One way to read a channel of a card's handle; None is no answer. `read` raises AmdSmiException."""

    method: str
    read: Callable[[Any], float | None]


def ways(amdsmi: Any, channel: str) -> list[Way]:
    """The ways to read a channel, the best first; none for a channel that the package does not know."""

    def power(key: str) -> Callable[[Any], float | None]:
        return lambda handle: number(amdsmi.amdsmi_get_power_info(handle).get(key))

    def temperature(sensor: str) -> Callable[[Any], float | None]:
        kind, now = amdsmi.AmdSmiTemperatureType[sensor], amdsmi.AmdSmiTemperatureMetric.CURRENT
        return lambda handle: number(amdsmi.amdsmi_get_temp_metric(handle, kind, now))

    def memory(handle: Any) -> float | None:
        return number(amdsmi.amdsmi_get_gpu_memory_usage(handle, amdsmi.AmdSmiMemoryType.VRAM))

    def clock(handle: Any) -> float | None:
        return number(amdsmi.amdsmi_get_clock_info(handle, amdsmi.AmdSmiClkType.GFX).get("clk"))

    def activity(handle: Any) -> float | None:
        return number(amdsmi.amdsmi_get_gpu_activity(handle).get("gfx_activity"))

    known = {
        "energy": [Way("counter", lambda handle: joules(amdsmi.amdsmi_get_energy_count(handle)))],
        # current on MI300 and newer, average before (amdsmi_power_info_t); which one `socket_power` is nobody says
        "power": [
            Way("instant", power("current_socket_power")),
            Way("average", power("average_socket_power")),
            Way("unstated", power("socket_power")),
        ],
        "memory": [Way("VRAM", memory)],
        "temperature": [Way("hotspot", temperature("HOTSPOT")), Way("edge", temperature("EDGE"))],
        "utilization": [Way("GFX", activity)],
        "clock": [Way("GFX", clock)],
    }
    return known.get(channel, [])


def number(value: Any) -> float | None:
    """A reading; None for "N/A", for a number that stands for nothing, and for what is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value in _NOTHING:
        return None
    return float(value)


def joules(answer: Mapping[str, Any]) -> float | None:
    """Of amdsmi_get_energy_count; the accumulator was called `power` before ROCm 6.1."""
    count = answer.get("energy_accumulator", answer.get("power"))
    resolution = answer.get("counter_resolution")
    if not isinstance(count, int) or not isinstance(resolution, (int, float)) or resolution <= 0 or count == 2**64 - 1:
        return None
    return count * resolution * 1e-6


class HeldBack:
    """For how long a card was held back since the first reading.

    amdsmi_get_violation_status would say so too, but it waits 100 ms in every call.
    """

    def __init__(self, amdsmi: Any, handle: Any) -> None:
        self._amdsmi = amdsmi
        self._handle = handle
        self._seconds: dict[str, float] = {}
        self._before: tuple[float, float, dict[str, float]] | None = None

    def read(self, now: float) -> dict[str, float]:
        """Seconds by channel; those that the card does not count are left out. Raises AmdSmiException."""
        metrics = self._amdsmi.amdsmi_get_gpu_metrics_info(self._handle)
        total = number(metrics.get("accumulation_counter"))
        counts = {
            channel: [known for key in keys if (known := number(metrics.get(key))) is not None]
            for channel, keys in SLOWDOWNS.items()
        }
        sums = {channel: sum(values) for channel, values in counts.items() if values}
        if total is None:
            return {}
        if self._before is None:
            self._seconds = dict.fromkeys(sums, 0.0)
        elif total > self._before[1]:
            then, ticks, held = self._before
            for channel, count in sums.items():
                share = (count - held.get(channel, count)) / (total - ticks)
                self._seconds[channel] = self._seconds.get(channel, 0.0) + (now - then) * min(1.0, max(0.0, share))
        if self._before is None or total != self._before[1]:
            self._before = (now, total, sums)
        return dict(self._seconds)
