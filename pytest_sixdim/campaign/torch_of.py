"""Torch of the training program's interpreter: whether it imports and what it sees, asked in a process of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_sixdim.campaign.inquiry import Inquiry
from pytest_sixdim.core.vendor import VendorProfile

LOOK = Path(__file__).with_name("torch_look.py")
#: Seconds to import torch and the vendor's plugin from a cold disk.
TIMEOUT = 60.0


@dataclass(frozen=True)
class TorchDevice:
    """A device as torch describes it; UUID and PCI address where it tells."""

    name: str
    uuid: str | None = None
    pci: str | None = None


@dataclass(frozen=True)
class Torch:
    """What an interpreter has.

    Attributes:
        executable: as it was asked for. python: its version, None where it does not run.
        version: of torch, None where it does not import.
        imports: versions of what the profile imports after torch.
        devices: that torch sees; None where that was not asked (a CPU) or not answered.
        backend: whether torch has the profile's collective backend; None where not answered.
        failed, error: the step that went wrong ("import torch"), and how.
    """

    executable: str
    python: str | None = None
    version: str | None = None
    imports: Mapping[str, str] = field(default_factory=dict)
    devices: tuple[TorchDevice, ...] | None = None
    backend: bool | None = None
    failed: str | None = None
    error: str | None = None


def torch_of(executable: str, profile: VendorProfile, timeout: float = TIMEOUT) -> Torch:
    """Ask the interpreter. Never raises: what goes wrong is `failed` and `error`."""
    request = {"imports": list(profile.imports), "device": profile.device, "backend": profile.backend}
    environment = {**os.environ, **profile.environment}
    if not profile.autoload:
        environment["TORCH_DEVICE_BACKEND_AUTOLOAD"] = "0"
    command = [executable, "-c", LOOK.read_text(encoding="utf-8"), json.dumps(request)]
    try:
        with Inquiry(command, environment) as inquiry:
            reply = inquiry.reply(timeout)
    except OSError as error:
        return Torch(executable, failed="start", error=error.strerror or str(error))
    answer = _answer(reply.output)
    if answer is None:
        return Torch(executable, failed="answer", error=reply.failure or "it did not answer as a Python interpreter")
    devices = answer.get("devices")
    return Torch(
        executable,
        python=answer["python"],
        version=answer.get("torch"),
        imports=answer["imports"],
        devices=None if devices is None else tuple(TorchDevice(**device) for device in devices),
        backend=answer.get("backend"),
        failed=answer.get("failed"),
        error=answer.get("error"),
    )


def _answer(said: bytes) -> dict[str, Any] | None:
    for line in reversed(said.decode(errors="replace").splitlines()):
        with suppress(ValueError):
            answer = json.loads(line)
            return answer if isinstance(answer, dict) and "python" in answer else None
    return None
