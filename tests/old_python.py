"""The oldest Python that a training program may run under, where this machine has one that works."""

from __future__ import annotations

import shutil
import subprocess


def python38() -> str | None:
    """A Python 3.8 on PATH that starts (a version manager's shim may not)."""
    found = shutil.which("python3.8")
    if found is None or subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode != 0:
        return None
    return found
