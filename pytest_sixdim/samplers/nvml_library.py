"""NVIDIA's management library, or one that has its functions, through the module `pynvml` of nvidia-ml-py."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytest_sixdim.samplers import SamplerUnavailable

#: nvml.h: what initialising says, and what to do.
_NO_INIT = {
    4: "no permission: the user may not open /dev/nvidiactl",
    9: "the driver is not loaded: install it, or load it (modprobe nvidia)",
    12: "libnvidia-ml.so.1 was not found: install the driver, or give the container its cards",
    18: "driver and library are of different versions: restart after a driver update",
    999: "unknown error: is a card in a bad state? (dmesg)",
}
_NO_MODULE = "the module pynvml is missing: pip install nvidia-ml-py"


class NvmlLibrary:
    """The library, initialised; every function of `pynvml` is an attribute.

    Attributes:
        path: of the file that was loaded, as far as the process can see it.
        version: of the library; driver: of the driver; both None where it does not say.
        driver_release: the driver's version as numbers, (580, 95, 5).
    """

    def __init__(self, library: str | None = None) -> None:
        """Load and initialise. Raises SamplerUnavailable with what to do about it.

        Args:
            library: name or path of a library with NVML's functions; None: NVIDIA's own.
        """
        self.pynvml = _module(library)
        self.error: type[Exception] = self.pynvml.NVMLError
        try:
            self.pynvml.nvmlInit()
        except self.error as error:
            code = getattr(error, "value", 0)
            raise SamplerUnavailable(_NO_INIT.get(code, f"NVML cannot be initialised: {self.text(code)}")) from None
        self.path = _loaded_path(str(self.pynvml.nvmlLib._name))
        self.version: str | None = self.ask(self.pynvml.nvmlSystemGetNVMLVersion)
        self.driver: str | None = self.ask(self.pynvml.nvmlSystemGetDriverVersion)
        self.driver_release = tuple(int(part) for part in (self.driver or "").split(".") if part.isdigit())

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self.pynvml, name)
        except AttributeError:  # an older nvidia-ml-py: as if the library did not have it
            raise self.error(self.pynvml.NVML_ERROR_FUNCTION_NOT_FOUND) from None

    def ask(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function of `pynvml` answers; None where the card or the library does not."""
        try:
            return function(*arguments)
        except self.error:
            return None

    def text(self, code: int) -> str:
        """NVML's name of an error."""
        try:
            return str(self.pynvml.nvmlErrorString(code))
        except self.error:
            return f"error {code}"

    def handles(self) -> list[Any]:
        """Of all cards, in NVML's order; None in place of one that does not answer."""
        count = self.ask(self.nvmlDeviceGetCount) or 0
        return [self.ask(self.nvmlDeviceGetHandleByIndex, index) for index in range(count)]

    def close(self) -> None:
        """Shut the library down."""
        self.ask(self.pynvml.nvmlShutdown)


def _module(library: str | None) -> Any:
    """The module pynvml.

    It keeps the library in a global: another library than NVIDIA's gets a copy of the module of its own.
    """
    if library is None:
        try:
            return importlib.import_module("pynvml")
        except ImportError:
            raise SamplerUnavailable(_NO_MODULE) from None
    module = _copy(f"pynvml of {library}")
    try:
        module.nvmlLib = ctypes.CDLL(library)
    except OSError as error:
        raise SamplerUnavailable(f"{error}: give the library's path, or its folder in LD_LIBRARY_PATH") from None
    return module


def _copy(name: str) -> Any:
    """The module once more, under another name."""
    original = importlib.util.find_spec("pynvml")
    if original is None or original.origin is None:
        raise SamplerUnavailable(_NO_MODULE)
    specification = importlib.util.spec_from_file_location(name, original.origin)
    if specification is None or specification.loader is None:
        raise SamplerUnavailable(_NO_MODULE)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # it looks itself up while it is imported
    try:
        specification.loader.exec_module(module)
    finally:
        del sys.modules[name]
    return module


def _loaded_path(name: str) -> str:
    """The file behind a loaded library's name."""
    if "/" in name:
        return name
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return name
    return next((line.split()[-1] for line in maps.splitlines() if f"/{name.partition('.so')[0]}.so" in line), name)
