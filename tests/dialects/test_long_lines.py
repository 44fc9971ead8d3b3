"""Lines as long as the agent lets them be: what reads them takes a time that grows as they do, no faster."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pytest_sixdim.agent.lines import LONGEST_LINE
from pytest_sixdim.core.events import EventError
from pytest_sixdim.dialects import DIALECTS, make_dialect
from pytest_sixdim.dialects.job import Job

#: Whole lines of each format.
LINES = {
    "internevo": (
        "INFO train.py:1 in record -- tflops=1.5,step=1,loss=1.5,tgs (tokens/gpu/second)=4.5,num_consumed_tokens=9",
        "INFO evaluation.py:1 in evaluate -- Validation on en: step=1 val/en_loss=2.5 val/en_acc=0.41",
    ),
    "keras": ("23/23 ━━━━━━ 0s 5ms/step - accuracy: 0.9 - val_accuracy: 0.9", "Epoch 1/3", "2/3 [=>...] - loss: 0.5"),
    "megatron": (
        " iteration 1/ 9 | consumed samples: 9 | elapsed time per iteration (ms): 1.5 | lm loss: 1.5E+00 |",
        " validation loss at iteration 1 on validation set | lm loss value: 6.3E+00 | lm loss PPL: 5.6E+02 |",
        "(after 1 iterations) memory (MB) | max allocated: 1.5 | reserved: 1.5 | max reserved: 1.5",
    ),
    "mindspore": (
        "epoch: 1 step: 10, loss is 2.5",
        "Train epoch time: 378.5 ms, per step time: 17.5 ms (data time: 1.5 ms)",
        "Eval result: epoch 1, metrics: {'accuracy': 0.5, 'loss': 2.5}",
        "Epoch: [1/3], batch: [1/3], loss: 4.5, lr: 0.5, time: 6.5s",
        "Validation Top_1_Accuracy: 72.5%, Top_5_Accuracy: 90.5%, time: 31.5s",
    ),
    "mllog": (':::MLLOG {"time_ms": 1, "key": "eval_accuracy", "value": 0.5, "metadata": {"samples_count": 1}}',),
    "paddle-hapi": ("step 10/23 [=>..] - loss: 2.5 - acc: 0.5 - 22ms/step", "Epoch 1/2", "Eval samples: 360"),
    "paddleclas": (
        "[Train][Epoch 1/2][Iter: 1/2]lr(Cosine): 0.5, loss: 2.5, batch_cost: 0.5s, ips: 2.5 samples/s",
        "[Eval][Epoch 1][Avg]CELoss: 0.5, loss: 0.5, top1: 0.5",
    ),
    "pattern": ("img/s: 640 loss: 1.5 acc 70.5 took 1 day, 5:06:03",),
    "perflog": ('[PerfLog] {"event": "STEP_END", "value": {"loss": 1.5, "step": 1}, "metadata": {"time_ms": 1}}',),
    "sixdim": ('[sixdim] {"event": "segment", "index": 1, "samples": 1, "seconds": 1.5, "steps": 1}',),
    "timm": (
        "Train: 0 [ 5/12 ( 4%)]  Loss: 6.5 (6.5)  Time: 0.9s, 10.5/s  (1.5s, 10.5/s)  LR: 1.5e-07  Data: 0.5 (0.5)",
        "Test: [ 4/ 4]  Time: 0.5 (0.5)  Loss:  1.5 (1.5)  Acc@1:  7.5 (7.5)  Acc@5:  9.5 (9.5)",
    ),
}
OPTIONS = {
    "internevo": {"tokens_per_sample": 2048},
    "pattern": {
        "speed": r"img/s: (?P<speed>\S+) loss: (?P<loss>\S+)",
        "kind": "train",
        "accuracy": r"acc (?P<accuracy>\S+) took (?P<seconds>.*)",
    },
}
FILLINGS = ("1", " ", "a", "(", "[", ".", "\u2501", "a: ", "a(", "| ", '{"a":')
#: CPU seconds for all lines of a format. They take three at most; where the time grows with the square of a line's
#: length, each takes as much.
BUDGET = 60.0


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Ends what takes longer; expressions look out for signals, too."""

    def end(*_: object) -> None:
        raise TimeoutError(f"still at it after {seconds:g} s of CPU time")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def long_lines(line: str) -> Iterator[str]:
    """The line up to each of its words, and then much of the same; its beginnings, again and again."""
    cuts = [place for place in range(1, len(line) + 1) if not line[place - 1].isalnum()]
    for place in (0, *cuts[:: max(1, len(cuts) // 12)], len(line)):
        for filling in FILLINGS:
            yield line[:place] + filling * (LONGEST_LINE // len(filling)) + "!"
        if place:
            yield line[:place] * (LONGEST_LINE // place) + "!"


def test_every_format_is_here() -> None:
    assert set(LINES) == set(DIALECTS)


@pytest.mark.parametrize("name", DIALECTS)
def test_a_long_line_takes_no_more_time_than_many_short_ones(name: str) -> None:
    job = Job(batch_size=8, metric="accuracy", recorded=True)  # the line's own stamp is looked for, too
    dialect = make_dialect(name, OPTIONS.get(name, {}), job=job)
    with at_most(BUDGET):
        for line in LINES[name]:
            for long in long_lines(line):
                try:
                    list(dialect.read(long[:LONGEST_LINE], seen=1.0, rank=0))
                except EventError:
                    pass
