"""Reads channels of one card through NVML: all fields in one call, the rest one by one; nothing is allocated twice."""

from __future__ import annotations

from collections.abc import Mapping
from ctypes import c_int
from typing import Any

from pytest_sixdim.samplers.nvml_library import NvmlLibrary
from pytest_sixdim.samplers.nvml_ways import Way

#: nvmlValueType_t -> the member of nvmlValue_t.
_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
#: NVML_ERROR_GPU_IS_LOST: no later call will succeed.
LOST = 15


class CardReader:
    """A set of channels of one card, each by its way.

    Attributes:
        errors: error codes of the last `read`, by channel.
        calls: of the library so far.
    """

    def __init__(self, library: NvmlLibrary, handle: Any, chosen: Mapping[str, Way]) -> None:
        self.errors: dict[str, int] = {}
        self.calls = 0
        self._library = library
        self._handle = handle
        self._by_call = [(channel, way.call, way.unit) for channel, way in chosen.items() if way.call is not None]
        wanted = [(channel, way.unit, field) for channel, way in chosen.items() for field in way.fields]
        self._values = (library.c_nvmlFieldValue_t * max(1, len(wanted)))()
        self._count = c_int(len(wanted))
        # views into the array, made once: ctypes makes a new object at every access
        self._fields = []
        for structure, (channel, unit, (identifier, scope)) in zip(self._values, wanted, strict=False):
            structure.fieldId, structure.scopeId = identifier, scope
            self._fields.append((channel, unit, structure, structure.value))
        self._get = library.nvmlLib.nvmlDeviceGetFieldValues if wanted else None

    def read(self) -> dict[str, float | None]:
        """One reading of each channel; None where there was no answer."""
        found: dict[str, float | None] = {}
        self.errors = {}
        if self._get is not None:
            self._read_fields(found)
        for channel, call, unit in self._by_call:
            self.calls += 1
            try:
                value = call(self._handle)
                found[channel] = None if value is None else value * unit
            except self._library.error as error:
                found[channel] = None
                self.errors[channel] = getattr(error, "value", 999)
        return found

    def _read_fields(self, found: dict[str, float | None]) -> None:
        self.calls += 1
        result = self._get(self._handle, self._count, self._values)  # type: ignore[misc]
        for channel, unit, structure, value in self._fields:
            code = result or structure.nvmlReturn
            if code:
                found[channel] = None
                self.errors[channel] = code
            elif channel not in self.errors:
                found[channel] = (found.get(channel) or 0.0) + getattr(value, _MEMBERS[structure.valueType]) * unit
