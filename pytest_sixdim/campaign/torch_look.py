"""What torch of the training program's interpreter is and sees, without computing anything.

Runs as `PYTHON -c TEXT REQUEST`, under that interpreter: Python 3.8, standard library, self-contained. Prints one JSON
line last; whatever a library prints goes to stderr. REQUEST: {"imports", "device", "backend"}.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from typing import Any


def address(properties: Any) -> str | None:
    """The PCI address as the kernel writes it, None where torch does not tell."""
    try:
        numbers = (properties.pci_domain_id, properties.pci_bus_id, properties.pci_device_id)
        return "{:04x}:{:02x}:{:02x}.0".format(*numbers)
    except (AttributeError, TypeError, ValueError):
        return None


def devices(module: Any) -> list[dict[str, str | None]]:
    """Name, UUID and PCI address of each device that torch sees."""
    found = []
    for index in range(module.device_count()):
        properties = module.get_device_properties(index) if hasattr(module, "get_device_properties") else None
        uuid = getattr(properties, "uuid", None)
        name = getattr(properties, "name", None) or module.get_device_name(index)
        found.append({"name": name, "uuid": None if uuid is None else str(uuid), "pci": address(properties)})
    return found


def backend_available(torch: Any, backend: str) -> bool:
    """Whether torch.distributed has this collective backend."""
    distributed = torch.distributed
    if not distributed.is_available():
        return False
    builtin = getattr(distributed, f"is_{backend}_available", None)
    if builtin is not None:
        return bool(builtin())
    return backend.lower() in [name.lower() for name in distributed.Backend.backend_list]


def look(asked: dict[str, Any], answer: dict[str, Any]) -> None:
    """Fill `answer` step by step, so that what was found before a failure stays."""
    answer["python"] = platform.python_version()
    step = "import torch"
    try:
        torch = importlib.import_module("torch")
        answer["torch"] = str(torch.__version__)
        for name in asked["imports"]:
            step = "import " + name
            answer["imports"][name] = str(getattr(importlib.import_module(name), "__version__", "imported"))
        step = "torch.distributed"
        answer["backend"] = backend_available(torch, asked["backend"])
        if asked["device"] != "cpu":
            step = "torch." + asked["device"]
            answer["devices"] = devices(getattr(torch, asked["device"]))
    except (Exception, SystemExit) as error:
        answer["failed"] = step
        answer["error"] = f"{type(error).__name__}: {error}"


def main() -> None:
    """Answer the request in the only argument."""
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answer: dict[str, Any] = {"imports": {}}
    look(json.loads(sys.argv[1]), answer)
    print(json.dumps(answer), file=output, flush=True)
    os._exit(0)  # a vendor's library may hang when it is unloaded


if __name__ == "__main__":
    main()
