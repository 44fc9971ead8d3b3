"""A directory with a `torch` that sees imaginary cards, and interpreters that have none."""

from __future__ import annotations

import sys
from pathlib import Path

TORCH = """
import types
__version__ = "9.9.9"
print("torch says hello")

class Properties:
    def __init__(self, index):
        self.name = "Imaginary 9"
        self.uuid = f"IMG-{{index}}"
        self.pci_domain_id, self.pci_bus_id, self.pci_device_id = 0, index + 1, 0

class img:
    device_count = staticmethod(lambda: {devices})
    get_device_properties = staticmethod(Properties)

distributed = types.SimpleNamespace(
    is_available=lambda: True, is_iccl_available=lambda: {backend}, Backend=types.SimpleNamespace(backend_list=["gloo"])
)
{more}
"""


def fake_torch(directory: Path, devices: int = 2, backend: bool = True, more: str = "") -> Path:
    """Write the package; `directory` belongs on the PYTHONPATH. `more`: lines that its import runs."""
    package = directory / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(TORCH.format(devices=devices, backend=backend, more=more))
    return directory


def interpreter_without_torch(directory: Path) -> Path:
    """This interpreter without its installed packages."""
    python = directory / "bare-python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    python.chmod(0o755)
    return python
