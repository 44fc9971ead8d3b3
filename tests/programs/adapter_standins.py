"""Stand-ins for torch, two vendors' plugins, and the adapter: packages that behave as documented, and compute nothing.

Of ditorch what matters here: it tries the plugins in its own order, the last importable one wins, it prints its line
once, and it prints nothing where it finds none or is switched off.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

DITORCH = """
    import importlib
    import os

    adapter = None
    for plugin, architecture in (("torch_npu", "ascend"), ("torch_mlu", "camb")):
        try:
            framework = importlib.import_module(plugin)
        except ImportError:
            continue
        adapter = type("Adapter", (), {"arch": architecture, "framework": framework})
    if adapter is not None and int(os.getenv("DITORCH_DISABLE_MOCK", "0")) <= 0:
        name, version = adapter.framework.__name__, adapter.framework.__version__
        print(f"ditorch: {adapter.arch} {name}:{version} pid: {os.getpid()}")
"""
PACKAGES = {
    "torch": "__version__ = '2.1.0'\n",
    "torch_npu": "__version__ = '2.1.0.post3'\n",
    "torch_mlu": "__version__ = '1.22.1'\n",
    "ditorch": textwrap.dedent(DITORCH),
    "op_tools": "",
}


def write_packages(directory: Path, *names: str) -> Path:
    """A directory for PYTHONPATH with these packages."""
    for name in names:
        (directory / name).mkdir(parents=True, exist_ok=True)
        (directory / name / "__init__.py").write_text(PACKAGES[name])
    return directory
