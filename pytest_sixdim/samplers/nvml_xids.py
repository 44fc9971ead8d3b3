"""The driver's error numbers (Xid), kept by NVML from the moment that somebody listens."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from pytest_sixdim.samplers.nvml_library import NvmlLibrary

#: So many are taken at once, so that a card that reports one after the other cannot hold the sampler up.
_MOST = 100


class XidListener:
    """Listens to cards; where one of them cannot tell, it knows nothing."""

    def __init__(self, library: NvmlLibrary, handles: Sequence[Any]) -> None:
        self._library = library
        self._seen: dict[int, list[int]] = {}  # by the handle's address
        self._events = library.ask(library.nvmlEventSetCreate)
        kind = library.nvmlEventTypeXidCriticalError
        try:
            for handle in handles if self._events is not None else ():
                library.nvmlDeviceRegisterEvents(handle, kind, self._events)
        except library.error:
            self.close()

    def drain(self) -> None:
        """Take what has come; returns at once."""
        for _ in range(_MOST if self._events is not None else 0):
            event = self._library.ask(self._library.nvmlEventSetWait_v2, self._events, 0)
            if event is None:
                return
            self._seen.setdefault(_address(event.device), []).append(int(event.eventData))

    def of(self, handle: Any) -> list[int] | None:
        """The numbers of a card so far, in order; None where nobody knows."""
        return None if self._events is None else list(self._seen.get(_address(handle), []))

    def close(self) -> None:
        """Stop listening."""
        if self._events is not None:
            self._library.ask(self._library.nvmlEventSetFree, self._events)
            self._events = None


def _address(handle: Any) -> int:
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
