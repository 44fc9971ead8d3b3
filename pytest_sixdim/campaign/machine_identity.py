"""What of a machine decides its figures, so that two results can be compared."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_sixdim.core.vendor import VendorProfile
from pytest_sixdim.samplers import Device


def machine_identity(
    profile: VendorProfile, devices: Sequence[Device], machine: Mapping[str, Any], software: Mapping[str, Any]
) -> dict[str, Any]:
    """`parts`, and their `hash`: equal for machines that may be compared.

    Vendor, cards (name, memory, count), driver, runtime, versions of the frameworks. The processor is part of it only
    where the cards are its cores. Noise is not: host name, kernel, its memory (a few MiB differ from boot to boot),
    clocks, load, uptime, UUIDs.
    """
    cards = Counter((device.name, device.total_bytes) for device in devices)
    parts: dict[str, Any] = {
        "vendor": profile.id,
        "cards": [
            {"name": name, "memory_bytes": size, "count": count}
            for (name, size), count in sorted(cards.items(), key=str)
        ],
        "driver": machine.get("driver"),
        "runtime": machine.get("runtime"),
        "software": dict(sorted(software.items())),
    }
    if profile.enumerate == "cores":
        parts.update({name: machine.get(name) for name in ("cpu", "cpus", "architecture")})
    text = json.dumps(parts, sort_keys=True, default=str)
    return {"hash": hashlib.sha256(text.encode()).hexdigest()[:16], "parts": parts}
