"""Settings in two Python modules, and lines that start with [PerfLog] on stderr."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import json
import logging
import os
import time
from types import ModuleType
from typing import Any


class PerfLogger:
    """Prints events through a logger without handlers, which Python's last resort sends to stderr."""

    def __init__(self, rank: int) -> None:
        self._rank = rank
        self._logger = logging.getLogger("perf")

    def log(self, event: str, message: Any = None, step: int | None = None) -> None:
        """One line: a text stands under "other", anything else under "value"."""
        record: dict[str, Any] = {"event": event}
        if message is not None:
            record["other" if isinstance(message, str) else "value"] = message
        if step is not None:
            record["step"] = step
        caller = inspect.stack()[1]
        stamp = int(time.time() * 1000)
        record["metadata"] = {
            "file": caller.filename,
            "lineno": caller.lineno,
            "time_ms": stamp,
            "rank": self._rank,
        }
        self._logger.warning("[PerfLog] " + json.dumps(record))


def settings(base: ModuleType, mutable: list[str]) -> argparse.Namespace:
    """The base module, overruled by the vendor's, overruled by the command line."""
    parser = argparse.ArgumentParser()
    for name in ("vendor", "data_dir", "extern_config_dir", "extern_config_file", "extern_module_dir"):
        parser.add_argument("--" + name, required=name == "vendor")
    parser.add_argument("--enable_extern_config", action="store_true")
    for name in mutable:
        parser.add_argument("--" + name, type=type(getattr(base, name)), default=None)
    given = parser.parse_args()
    values = {name: value for name, value in vars(base).items() if not name.startswith("_")}
    if given.extern_config_dir:
        vendors = _module(os.path.join(given.extern_config_dir, given.extern_config_file))
        for name, value in vars(vendors).items():
            if not name.startswith("_"):
                print(f"SET CONFIG {name} = {value}")
                values[name] = value
    values.update({name: value for name, value in vars(given).items() if value is not None})
    return argparse.Namespace(**values)


def _module(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("vendors_settings", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
