"""msrun: MindSpore's launcher, a rank a card, and a process more (the scheduler) that runs the program too.

As MindSpore 2.10 has it (mindspore/parallel/cluster): msrun starts `python`, as PATH has it; it needs a port that
nobody else takes; once a worker has failed it kills the others, and waits up to 40 s for the scheduler.
"""

from __future__ import annotations

from pytest_sixdim.agent.launches import Launch, Start
from pytest_sixdim.agent.ports import LeasedPort

#: Seconds that the ranks have to meet.
MEETING = 120


class Msrun(Launch):
    """Also for one card: both sides of linearity are started alike."""

    rank_variables = (("RANK_ID", "DEVICE_ID"),)
    module = "mindspore"
    finds_python = True
    said = ("msrun/scheduler.log",)

    def __init__(self) -> None:
        self._port = LeasedPort()

    def command(self, start: Start) -> list[str]:
        """See Launch.command."""
        return [
            *(start.python, "-m", "mindspore.parallel.cluster.run"),
            *(f"--worker_num={start.cards}", f"--local_worker_num={start.cards}"),
            *("--master_addr=127.0.0.1", f"--master_port={self._port.number}", f"--cluster_time_out={MEETING}"),
            *(f"--log_dir={start.logs / 'msrun'}", "--join=True"),
            *("python", *start.rank[1:]),
        ]

    def close(self) -> None:
        """See Launch.close."""
        self._port.close()
