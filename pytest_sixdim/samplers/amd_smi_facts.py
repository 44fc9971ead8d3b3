"""What AMD SMI knows of a card besides readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from pytest_sixdim.core.facts import CardFacts, ProcessOnCard
from pytest_sixdim.samplers import Card
from pytest_sixdim.samplers.amd_smi_ways import number, ways
from pytest_sixdim.samplers.identity import pci_address

#: A power cap above this is in uW, as on a bare host; up to it in W, as on a virtualisation host (amdsmi.h).
_LARGEST_WATTS = 10_000
#: The compute partition of an undivided card.
_WHOLE = "SPX"


def described(amdsmi: Any, handle: Any, index: int, *, facts: bool = True) -> Card:
    """The card as AMD SMI lists it; `facts`: with what is known of it besides."""
    asic = _mapping(amdsmi, amdsmi.amdsmi_get_gpu_asic_info, handle)
    pci = _ask(amdsmi, amdsmi.amdsmi_get_gpu_device_bdf, handle)
    total = number(_ask(amdsmi, amdsmi.amdsmi_get_gpu_memory_total, handle, amdsmi.AmdSmiMemoryType.VRAM))
    return Card(
        index=index,
        name=_known(asic.get("market_name")) or f"card {index}",
        uuid=_known(_ask(amdsmi, amdsmi.amdsmi_get_gpu_device_uuid, handle)),
        pci=pci_address(pci) if isinstance(pci, str) else None,
        total_bytes=int(total) if total else None,
        facts=card_facts(amdsmi, handle) if facts else CardFacts(),
    )


def card_facts(amdsmi: Any, handle: Any) -> CardFacts:
    """All that the card answers; what it does not is left out."""
    cap = _mapping(amdsmi, amdsmi.amdsmi_get_power_cap_info, handle)
    clock = _mapping(amdsmi, amdsmi.amdsmi_get_clock_info, handle, amdsmi.AmdSmiClkType.GFX)
    errors = _mapping(amdsmi, amdsmi.amdsmi_get_gpu_total_ecc_count, handle)
    pcie = _mapping(amdsmi, amdsmi.amdsmi_get_pcie_info, handle).get("pcie_metric", {})
    partition = _known(_ask(amdsmi, amdsmi.amdsmi_get_gpu_compute_partition, handle))
    used = _first(amdsmi, "memory", handle)
    locked = clock.get("clk_locked")
    found: dict[str, Any] = {
        "driver": _known(_mapping(amdsmi, amdsmi.amdsmi_get_gpu_driver_info, handle).get("driver_version")),
        "power_limit_watts": _watts(cap.get("power_cap")),
        "power_default_watts": _watts(cap.get("default_power_cap")),
        "clock_mhz": number(clock.get("clk")),
        "clock_max_mhz": number(clock.get("max_clk")),
        "clocks_locked": locked if isinstance(locked, bool) else None,
        "ecc_corrected": _count(errors.get("correctable_count")),
        "ecc_uncorrected": _count(errors.get("uncorrectable_count")),
        "pcie_replays": _count(pcie.get("pcie_replay_count")),
        "processes": _processes(amdsmi, handle),
        "utilization_percent": _first(amdsmi, "utilization", handle),
        "memory_used_bytes": None if used is None else int(used),
        "memory_method": None if used is None else "VRAM",
        "temperature_celsius": _first(amdsmi, "temperature", handle),
        "mig": None if partition is None else partition != _WHOLE,
    }
    return cast(CardFacts, {name: value for name, value in found.items() if value is not None})


def _processes(amdsmi: Any, handle: Any) -> list[ProcessOnCard] | None:
    listed = _ask(amdsmi, amdsmi.amdsmi_get_gpu_process_list, handle)
    if not isinstance(listed, list):
        return None
    return [
        ProcessOnCard(
            pid=process["pid"],
            bytes=_count(process.get("memory_usage", {}).get("vram_mem")),
            name=_known(process.get("name")),
        )
        for process in listed
        if isinstance(process, Mapping) and "pid" in process
    ]


def _watts(cap: Any) -> float | None:
    value = number(cap)
    return None if value is None else value / 1e6 if value > _LARGEST_WATTS else value


def _first(amdsmi: Any, channel: str, handle: Any) -> float | None:
    """A channel's first answer."""
    values: Iterator[float | None] = (_ask(amdsmi, way.read, handle) for way in ways(amdsmi, channel))
    return next((value for value in values if value is not None), None)


def _count(value: Any) -> int | None:
    known = number(value)
    return None if known is None else int(known)


def _known(text: Any) -> str | None:
    return text if isinstance(text, str) and text not in ("", "N/A") else None


def _mapping(amdsmi: Any, function: Callable[..., Any], *arguments: Any) -> Mapping[str, Any]:
    answer = _ask(amdsmi, function, *arguments)
    return answer if isinstance(answer, Mapping) else {}


def _ask(amdsmi: Any, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except amdsmi.AmdSmiException:
        return None
