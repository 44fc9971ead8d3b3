"""What this host is, and what the training program's interpreter has: recorded with every session."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.settings import SettingsError

#: Packages whose versions decide what a training program does.
FRAMEWORKS = ("torch", "torchvision", "numpy", "mindspore", "paddlepaddle", "tensorflow", "jax")
#: The program that looks for them.
VERSIONS = Path(__file__).with_name("version_look.py")


def cpu_name() -> str:
    """The processor's model name as the kernel gives it."""
    for line in (system_file("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def machine() -> dict[str, Any]:
    """What this host is. `noise`: what differs from one hour to the next and decides nothing (lowest and highest CPU
    clock in MHz, load over the last minute, uptime in s)."""
    memory = next(
        (line for line in (system_file("/proc/meminfo") or "").splitlines() if line.startswith("MemTotal")), ""
    )
    return {
        "cpu": cpu_name(),
        "cpus": os.cpu_count(),
        "memory_bytes": int(memory.split()[1]) * 1024 if memory else None,
        "architecture": platform.machine(),
        "host": platform.node(),
        "kernel": platform.release(),
        "noise": _noise(),
    }


def _noise() -> dict[str, Any]:
    clocks = [
        float(line.partition(":")[2])
        for line in (system_file("/proc/cpuinfo") or "").splitlines()
        if line.startswith("cpu MHz")
    ]
    uptime = system_file("/proc/uptime")
    return {
        "cpu_mhz": [min(clocks), max(clocks)] if clocks else None,
        "load": os.getloadavg()[0],
        "uptime_seconds": float(uptime.split()[0]) if uptime else None,
    }


def software(python: str, modules: Sequence[str] = ()) -> dict[str, Any]:
    """Versions of Python, the frameworks and further `modules` (a vendor's plugin for torch, by the name that is
    imported) of the training program's interpreter, read without importing them; also the runtime that torch was built
    for ("cuda", "hip").

    Raises SettingsError where the interpreter does not run.
    """
    packages = dict.fromkeys([*FRAMEWORKS, *modules])
    try:
        answer = subprocess.run(
            [python, "-c", VERSIONS.read_text(encoding="utf-8"), *packages],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return dict(json.loads(answer.stdout))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        text = f"--sixdim-python {python}: it does not run as a Python interpreter: {_why(error)}"
        raise SettingsError(text) from None


def _why(error: Exception) -> str:
    """What an interpreter that does not answer said last, in one line."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {error.timeout:g} s"
    if not isinstance(error, subprocess.CalledProcessError):
        return "it did not print the versions of its packages"
    said = [line.strip() for line in str(error.stderr).splitlines() if line.strip()]
    return said[-1] if said else f"exit status {error.returncode}"


def system_file(path: str) -> str | None:
    """The text of a file that the kernel keeps; None where it can't be read."""
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return None
