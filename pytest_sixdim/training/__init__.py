"""What a training program imports to report itself: its segments, its evaluations, its end.

    from pytest_sixdim import training

    run = training.start(seed=args.seed, batch_size=args.batch_size)
    for epoch in run.epochs(30):
        for images, labels in run.batches(loader):
            ...                                             # the training step, as it was
            run.step(samples=len(images), loss=loss)
        if run.done:
            break
        with run.evaluation() as evaluation:
            evaluation.value, evaluation.samples = ..., ...
    run.finish()

One process may drive several cards, as programs in JAX do: `start(cards=N, synchronize=...)`.

Under the agent, the file that SIXDIM_RUN names says what is measured; by hand (`torchrun train.py`) defaults hold. The
events of docs/formats.md go to stdout, from rank 0. The device is synchronised at the borders of segments, evaluations
and pauses, never in a step. These borders, `total` and `finish` are collective: every rank makes the same calls.

This package stands alone (Python 3.8, standard library): the agent copies it into the training program's path. Its
`loop`, which a program may import besides, is for programs in torch and has what their training loops share.
"""

from __future__ import annotations

from pytest_sixdim.training.run import Evaluation, Run
from pytest_sixdim.training.starting import start

__all__ = ["Evaluation", "Run", "start"]
