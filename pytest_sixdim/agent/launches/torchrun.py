"""torchrun: PyTorch's launcher, a rank a card."""

from __future__ import annotations

from pytest_sixdim.agent.launches import Launch, Start


class Torchrun(Launch):
    """`--standalone` takes a free port of its own."""

    rank_variables = (("RANK", "LOCAL_RANK"),)
    module = "torch"

    def command(self, start: Start) -> list[str]:
        """See Launch.command."""
        return [
            *(start.python, "-m", "torch.distributed.run"),
            *("--standalone", "--nnodes=1", f"--nproc-per-node={start.cards}", "--max-restarts=0", "--no-python"),
            *start.rank,
        ]
