"""paddle: PaddlePaddle's launcher, a rank a card. It looks for free ports itself.

As PaddlePaddle 3.3 has it (paddle/distributed/launch): what is no `*.py` is started as it is; without an accelerator
it tells the ranks to use gloo.
"""

from __future__ import annotations

from pytest_sixdim.agent.launches import Launch, Start


class Paddle(Launch):
    """Its log folder holds the whole environment of every rank, secrets too: it is not kept.

    enable_gpu_log: it would call the vendor's tool every 5 s, also in the window.
    """

    rank_variables = (("PADDLE_TRAINER_ID", "PADDLE_RANK_IN_NODE"),)
    module = "paddle"

    def command(self, start: Start) -> list[str]:
        """See Launch.command."""
        return [
            *(start.python, "-m", "paddle.distributed.launch", "--nnodes", "1"),
            *("--nproc_per_node", str(start.cards), "--max_restart", "0", "--enable_gpu_log", "0"),
            *("--log_dir", str(start.scratch / "paddle")),
            *start.rank,
        ]
