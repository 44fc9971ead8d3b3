"""The package amdsmi for cards that are not there: its functions and their answers as in amdsmi 7.0.2.

A test fills CARDS; `answers` of a card replaces what a function answers (an exception is raised). Names and parameters
are compared with the real package's in tests/samplers/test_amd_smi_package.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

__version__ = "7.0.2-stub"


class AmdSmiException(Exception):
    """Base of all."""


class AmdSmiLibraryException(AmdSmiException):
    """What a call answers instead of a value."""

    def __init__(self, err_code: int, err_info: str = "AMDSMI_STATUS_NOT_SUPPORTED - Feature not supported") -> None:
        super().__init__(err_code)
        self.err_code, self.err_info = err_code, err_info


class AmdSmiParameterException(AmdSmiException):
    """A handle or an enumeration of the wrong type."""


class AmdSmiMemoryType(Enum):
    VRAM = 0


class AmdSmiTemperatureType(Enum):
    EDGE = 0
    HOTSPOT = 1


class AmdSmiTemperatureMetric(Enum):
    CURRENT = 0


class AmdSmiClkType(Enum):
    GFX = 0


@dataclass
class Card:
    """One card; everything in the units of the package."""

    name: str = "AMD Instinct MI300X OAM"
    bdf: str = "0000:05:00.0"
    uuid: str = "ebff74a1-0000-1000-8033-7c4cc4b55ab0"
    answers: dict[str, Any] = field(default_factory=dict)

    def answer(self, function: str, usual: Any) -> Any:
        value = self.answers.get(function, usual)
        if isinstance(value, Exception):
            raise value
        return value


CARDS: list[Card] = []
#: What amdsmi_init raises.
BROKEN: list[Exception] = []
NOT_SUPPORTED = AmdSmiLibraryException(2)


def _of(handle: Any, *kinds: tuple[Any, type]) -> Card:
    if not isinstance(handle, Card) or not all(isinstance(value, kind) for value, kind in kinds):
        raise AmdSmiParameterException("Invalid parameter")
    return handle


def amdsmi_init(flag: Any = None) -> None:
    if BROKEN:
        raise BROKEN[0]


def amdsmi_shut_down() -> None:
    pass


def amdsmi_get_processor_handles() -> list[Card]:
    return list(CARDS)


def amdsmi_get_gpu_asic_info(processor_handle: Any) -> dict[str, Any]:
    card = _of(processor_handle)
    return dict(card.answer("asic_info", {"market_name": card.name, "vendor_id": "0x1002", "oam_id": 0}))


def amdsmi_get_gpu_device_bdf(processor_handle: Any) -> str:
    return _of(processor_handle).bdf


def amdsmi_get_gpu_device_uuid(processor_handle: Any) -> str:
    return _of(processor_handle).uuid


def amdsmi_get_gpu_memory_total(processor_handle: Any, mem_type: Any) -> int:
    return int(_of(processor_handle, (mem_type, AmdSmiMemoryType)).answer("memory_total", 196592 * 1024**2))


def amdsmi_get_gpu_memory_usage(processor_handle: Any, mem_type: Any) -> int:
    return int(_of(processor_handle, (mem_type, AmdSmiMemoryType)).answer("memory_usage", 283 * 1024**2))


def amdsmi_get_energy_count(processor_handle: Any) -> dict[str, Any]:
    usual = {"energy_accumulator": 1_000_000_000, "counter_resolution": 15.3, "timestamp": 1}
    return dict(_of(processor_handle).answer("energy_count", usual))


def amdsmi_get_power_info(processor_handle: Any) -> dict[str, Any]:
    usual = {"socket_power": 132, "current_socket_power": 132, "average_socket_power": "N/A", "power_limit": 750000000}
    return dict(_of(processor_handle).answer("power_info", usual))


def amdsmi_get_temp_metric(processor_handle: Any, sensor_type: Any, metric: Any) -> int:
    kinds = ((sensor_type, AmdSmiTemperatureType), (metric, AmdSmiTemperatureMetric))
    return int(_of(processor_handle, *kinds).answer(f"temperature_{sensor_type.name}", 41))


def amdsmi_get_gpu_activity(processor_handle: Any) -> dict[str, Any]:
    usual = {"gfx_activity": 97, "umc_activity": 40, "mm_activity": "N/A"}
    return dict(_of(processor_handle).answer("activity", usual))


def amdsmi_get_clock_info(processor_handle: Any, clock_type: Any) -> dict[str, Any]:
    usual = {"clk": 1900, "min_clk": 132, "max_clk": 2100, "clk_locked": False, "clk_deep_sleep": "N/A"}
    return dict(_of(processor_handle, (clock_type, AmdSmiClkType)).answer("clock_info", usual))


def amdsmi_get_gpu_metrics_info(processor_handle: Any) -> dict[str, Any]:
    usual = {
        "accumulation_counter": 1000,
        "prochot_residency_acc": 0,
        "ppt_residency_acc": 0,
        "socket_thm_residency_acc": 0,
        "vr_thm_residency_acc": 0,
        "hbm_thm_residency_acc": 0,
    }
    return dict(_of(processor_handle).answer("metrics_info", usual))


def amdsmi_get_power_cap_info(processor_handle: Any) -> dict[str, Any]:
    usual = {"power_cap": 750_000_000, "default_power_cap": 750_000_000, "dpm_cap": 0}
    return dict(_of(processor_handle).answer("power_cap_info", usual))


def amdsmi_get_gpu_total_ecc_count(processor_handle: Any) -> dict[str, Any]:
    usual = {"correctable_count": 2, "uncorrectable_count": 0, "deferred_count": 0}
    return dict(_of(processor_handle).answer("ecc_count", usual))


def amdsmi_get_pcie_info(processor_handle: Any) -> dict[str, Any]:
    usual = {"pcie_static": {"max_pcie_width": 16}, "pcie_metric": {"pcie_width": 16, "pcie_replay_count": 3}}
    return dict(_of(processor_handle).answer("pcie_info", usual))


def amdsmi_get_gpu_compute_partition(processor_handle: Any) -> str:
    return str(_of(processor_handle).answer("compute_partition", "SPX"))


def amdsmi_get_gpu_driver_info(processor_handle: Any) -> dict[str, Any]:
    usual = {"driver_name": "amdgpu", "driver_version": "6.12.12", "driver_date": "N/A"}
    return dict(_of(processor_handle).answer("driver_info", usual))


def amdsmi_get_gpu_process_list(processor_handle: Any) -> list[dict[str, Any]]:
    return list(_of(processor_handle).answer("process_list", []))
