"""A port that is free and stays so: no other agent of this host takes it while the run lasts."""

from __future__ import annotations

import errno
import os
import random
import socket
from pathlib import Path

from pytest_sixdim.agent.order import OrderError

#: Where the kernel takes the local ports of outgoing connections from (ip(7)); those come and go.
EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST, HIGHEST = 10_000, 65_535
TRIES = 1000


class LeasedPort:
    """Chosen at random outside the kernel's own range, among the ports that nobody listens at.

    Another program may still take it before the launcher does. Other agents do not: the port's name is taken as well,
    as an abstract socket (unix(7)), which lasts until `close` and in the same network namespace as the port.
    """

    def __init__(self) -> None:
        choices = _ports()
        for number in random.sample(choices, min(TRIES, len(choices))):
            name = _named(f"\0sixdim-port-{number}")
            if name is not None:
                if _nobody_listens(number):
                    self.number, self._name = number, name
                    return
                name.close()
        raise OrderError("no free port was found for the ranks to meet at")

    def close(self) -> None:
        """Give it back."""
        self._name.close()


def _ports() -> list[int]:
    try:
        low, high = (int(text) for text in EPHEMERAL.read_text().split())
    except (OSError, ValueError):
        low, high = 32_768, 60_999
    outside = [number for number in range(LOWEST, HIGHEST + 1) if not low <= number <= high]
    return outside or list(range(LOWEST, HIGHEST + 1))


def _named(name: str) -> socket.socket | None:
    """A socket of this name; None where another has it."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(name)
    except OSError as error:
        made.close()
        if error.errno != errno.EADDRINUSE:
            raise OrderError(f"no port can be reserved: {os.strerror(error.errno or 0)}") from None
        return None
    return made


def _nobody_listens(number: int) -> bool:
    """Whether a server could be started at this port, at any address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("", number))
        except OSError:
            return False
    return True
