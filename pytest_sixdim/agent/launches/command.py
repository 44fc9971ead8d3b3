"""command: one process that has all cards, whatever it makes of them."""

from __future__ import annotations

from pytest_sixdim.agent.launches import Launch, Start


class Command(Launch):
    """The wrapper of rank 0 is started as it is."""

    def command(self, start: Start) -> list[str]:
        """See Launch.command."""
        return list(start.rank)
