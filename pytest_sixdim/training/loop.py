"""What training programs in PyTorch share: their arguments, the model on all ranks, fused optimisers, the loop.

    parser = loop.arguments(__doc__, batch_size=256, epochs=90, lr=0.256)
    args = parser.parse_args()
    run = loop.begin(args, generator=Images.name)
    model = network(args).to(run.device)
    parallel = loop.distributed(model, run, args.compile)
    loop.train(
        run,
        source,
        model=model,
        loss=lambda batch: criterion(parallel(batch[0]), batch[1]),
        optimizer=loop.fused(torch.optim.SGD, loop.decaying(model, 1e-4), lr=args.lr, momentum=0.9),
        epochs=args.epochs,
        rate=lambda epoch: loop.cosine(epoch, args.epochs, args.warmup_epochs),
        evaluate=lambda: evaluate(model, source, run),
    )

Everything is plain torch: a program that needs another loop writes its own with `training.start`.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import inspect
import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Protocol

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from pytest_sixdim.training.run import Run
from pytest_sixdim.training.starting import start

PRECISIONS = ("fp32", "tf32", "amp-fp16", "amp-bf16")


class Source(Protocol):
    """Where batches come from (`pytest_sixdim.training.batches` has two). `steps`: of an epoch."""

    steps: int

    def training(self, epoch: int) -> Iterable[Any]:
        """This rank's batches of an epoch (from 0), on the device."""

    def evaluation(self) -> Iterable[Any]:
        """This rank's part of what is evaluated."""


def arguments(description: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """The options that every program has; `defaults` are theirs, and the program adds its own.

    Raises TypeError for a default of an option that there is not.
    """
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=form, allow_abbrev=False)
    parser.add_argument("--data", default="generated", help="the directory of the data set, or generated")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    parser.add_argument("--batch-size", type=int, default=32, help="samples per card and step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=float, default=1, help="of the schedule")
    parser.add_argument("--warmup-epochs", type=float, default=0, help="over which the learning rate grows")
    parser.add_argument("--lr", type=float, default=1e-3, help="the highest learning rate")
    parser.add_argument("--compile", action="store_true", help="let torch.compile make kernels")
    parser.add_argument("--workers", type=int, default=8, help="that read and prepare samples, per card")
    parser.add_argument("--epoch-samples", type=int, default=10_000, help="generated samples in an epoch")
    parser.add_argument("--evaluation-samples", type=int, default=1_000, help="generated samples in an evaluation")
    known = {action.dest for action in parser._actions}
    if set(defaults) - known:
        raise TypeError("no such option: %s" % ", ".join(sorted(set(defaults) - known)))
    parser.set_defaults(**defaults)
    return parser


def begin(args: argparse.Namespace, *, generator: str, versions: dict[str, Any] | None = None) -> Run:
    """The run that these arguments ask for. `generator`: name and version; `versions`: of the libraries it uses."""
    torch.backends.cudnn.benchmark = True
    return start(
        seed=args.seed,
        batch_size=args.batch_size,
        precision=args.precision,
        data="generated" if args.data == "generated" else "real",
        generator=generator,
        versions={**(versions or {}), "compile": args.compile},
    )


def distributed(model: nn.Module, run: Run, compiled: bool = False, **options: Any) -> nn.Module:
    """The model as it is trained: over all ranks, compiled where asked for. `options`: of DistributedDataParallel.

    The ranks' running means are brought together before an evaluation, and not in every step.
    """
    if run.world_size > 1:
        newer = "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
        chosen: dict[str, Any] = {"gradient_as_bucket_view": True, "static_graph": not compiled}
        chosen["forward_sync_buffers" if newer else "broadcast_buffers"] = False
        model = DistributedDataParallel(model, **{**chosen, **options})
    return torch.compile(model) if compiled else model


def decaying(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Groups of parameters for an optimiser: biases and normalisation do not decay."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]


def fused(kind: type[torch.optim.Optimizer], groups: Iterable[Any], **options: Any) -> torch.optim.Optimizer:
    """An optimiser of this kind, in one kernel where the card has it: tried here, as a card says so in a step only.

    A momentum begins at 0, which gives the same first step. Left to itself, the fused SGD takes memory as it finds it,
    and where the scaler skips the first step (usual under fp16) it would train on with what was there.
    """
    groups = list(groups)
    parameters = [p for group in groups for p in (group["params"] if isinstance(group, dict) else [group])]
    tried = nn.Parameter(torch.zeros(1, device=parameters[0].device))
    tried.grad = torch.zeros_like(tried)
    try:
        kind([tried], **{**options, "fused": True}).step()
        options["fused"] = True
    except (RuntimeError, TypeError):  # a card, a torch or an optimiser without the kernel
        pass
    chosen = kind(groups, **options)
    if kind is torch.optim.SGD and options.get("momentum"):
        for parameter in parameters:
            chosen.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return chosen


class Average:
    """A copy of a model, `model`, whose weights and running means follow the trained ones slowly: what is evaluated.

    After n steps it keeps min(decay, (1 + n) / (10 + n)) of itself: it soon forgets how training began (the rule of
    TensorFlow's ExponentialMovingAverage with num_updates).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False)
        self._decay, self._steps = decay, 0
        pairs = zip(self.model.state_dict().values(), model.state_dict().values())  # noqa: B905 (Python 3.8)
        self._pairs = [pair for pair in pairs if pair[0].is_floating_point()]

    def move(self) -> None:
        """A step was done."""
        self._steps += 1
        kept = min(self._decay, (1 + self._steps) / (10 + self._steps))
        averages, trained = (list(side) for side in zip(*self._pairs))  # noqa: B905 (Python 3.8)
        with torch.no_grad():
            torch._foreach_lerp_(averages, trained, 1 - kept)


def cosine(epoch: float, epochs: float, warmup: float = 0.0, floor: float = 1e-4) -> float:
    """Share of the full learning rate: up a line over the warm-up, down a cosine to the last epoch, then `floor`."""
    if epoch < warmup:
        return epoch / warmup
    return max(floor, (1 + math.cos(math.pi * min(1, (epoch - warmup) / max(epochs - warmup, 1e-9)))) / 2)


def polynomial(epoch: float, epochs: float, warmup: float = 0.0, power: float = 1.0, floor: float = 1e-4) -> float:
    """Share of the full learning rate: up a line over the warm-up, then down (1 - progress)^power to `floor`."""
    if epoch < warmup:
        return epoch / warmup
    left = 1 - min(1.0, (epoch - warmup) / max(epochs - warmup, 1e-9))
    return max(floor, math.pow(left, power))


def first_length(batch: Any) -> int:
    """Samples of a batch: the length of the first tensor in it."""
    while not isinstance(batch, torch.Tensor):
        batch = next(iter(batch.values() if isinstance(batch, dict) else batch))
    return len(batch)


def train(
    run: Run,
    source: Source,
    *,
    model: nn.Module,
    loss: Callable[[Any], torch.Tensor],
    optimizer: torch.optim.Optimizer,
    epochs: float,
    evaluate: Callable[[], tuple[float, int]],
    rate: Callable[[float], float] | None = None,
    clip: float | None = None,
    after_step: Callable[[], object] | None = None,
    samples: Callable[[Any], int] = first_length,
    evaluations: int = 1,
) -> None:
    """Trains until the run is done, evaluating after every epoch of the source, and reports the end.

    Args:
        run: as `begin` gives it.
        source: of this rank's batches.
        model: that is evaluated, without what `distributed` put around it.
        loss: of a batch; called under `Run.autocast`.
        optimizer: its groups' learning rates are the full ones.
        epochs: of the schedule; training goes on beyond where segments are not complete.
        evaluate: the value of the metric and how many samples it is of, over all ranks (`Run.total`, `gathered`).
            Called on every rank, in `evaluating`.
        rate: the share of the full learning rate after so many epochs, a fraction in between.
        clip: the norm that gradients are clipped to.
        after_step: called after every step of the optimiser, such as to move an average of the weights.
        samples: how many a batch has; by default the length of its first tensor.
        evaluations: of an epoch, at equal distances; an epoch needs as many steps.
    """
    if run.rank:  # dropout and the like differ between ranks, as their samples do
        torch.manual_seed(1000 * run.seed + run.rank)
    scaler = run.grad_scaler()
    full = [group["lr"] for group in optimizer.param_groups]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    model.train()
    for epoch in run.epochs(math.ceil(epochs)):
        steps, batches = itertools.count(1), iter(source.training(epoch))
        for part in range(1, evaluations + 1):
            taken = source.steps * part // evaluations - source.steps * (part - 1) // evaluations
            for batch in run.batches(itertools.islice(batches, None if part == evaluations else taken)):
                if rate is not None:
                    share = rate(epoch + next(steps) / source.steps)
                    for group, highest in zip(optimizer.param_groups, full):  # noqa: B905 (Python 3.8)
                        group["lr"] = share * highest
                with run.autocast():
                    value = loss(batch)
                scaler.scale(value).backward()
                if clip is not None:
                    scaler.unscale_(optimizer)
                    nn.utils.clip_grad_norm_(parameters, clip)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
                if after_step is not None:
                    after_step()
                run.step(samples=samples(batch), loss=value)
            if run.done:
                break
            with run.evaluation(epoch + part / evaluations) as evaluation, evaluating(model, run):
                evaluation.value, evaluation.samples = evaluate()
    run.finish()


@contextlib.contextmanager
def evaluating(model: nn.Module, run: Run) -> Iterator[None]:
    """A context without gradients in which a model is in evaluation and its running means are those of all ranks."""
    with torch.no_grad():
        for buffer in model.buffers() if run.world_size > 1 else ():
            if buffer.is_floating_point():
                torch.distributed.all_reduce(buffer)
                buffer /= run.world_size
        model.eval()
        yield
    model.train()


def gathered(rows: torch.Tensor, run: Run) -> torch.Tensor:
    """The rows (N x ...) of all ranks, rank by rank, on every rank; N may differ, the rest of the shape may not."""
    if run.world_size == 1:
        return rows
    lengths = [round(run.total(len(rows) if rank == run.rank else 0)) for rank in range(run.world_size)]
    padded = rows.new_zeros((max(lengths), *rows.shape[1:]))
    padded[: len(rows)] = rows
    everyone = [torch.empty_like(padded) for _ in lengths]
    torch.distributed.all_gather(everyone, padded)
    return torch.cat([part[:length] for part, length in zip(everyone, lengths)])  # noqa: B905 (Python 3.8)
