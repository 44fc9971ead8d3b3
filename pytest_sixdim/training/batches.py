"""Where batches come from in a program in PyTorch: made on the card, or read from a data set.

A source has `steps` (of an epoch), `training(epoch)` and `evaluation()`. Every rank asks for its own part; all ranks
together evaluate each sample once, whatever their number.
"""

from __future__ import annotations

import abc
import functools
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Callable

import torch
from torch.utils.data import DataLoader, Dataset, DistributedSampler, Subset

from pytest_sixdim.training.run import Run


class Generated(abc.ABC):
    """Batches that no disk holds, each made on the device from its stream and its place in it.

    The seed gives what is trained on; what is evaluated is the same in every run. No batch comes twice in a run.
    A subclass says `name`, with a version: results on generated data compare only with those of the same name.
    """

    name: str
    #: Samples of a block that is evaluated, whatever the number of cards.
    evaluated_at_once = 50

    def __init__(self, run: Run, *, batch_size: int, training_samples: int, evaluation_samples: int) -> None:
        """`batch_size`: of a card. Raises ValueError where an epoch has no step."""
        self.batch_size = batch_size
        self.steps = training_samples // (batch_size * run.world_size)
        if self.steps == 0:
            text = "an epoch of %d samples has no step of %d cards with %d each"
            raise ValueError(text % (training_samples, run.world_size, batch_size))
        self.device = run.device
        self._rank, self._world_size = run.rank, run.world_size
        self._evaluated = evaluation_samples
        self._generator = torch.Generator(run.device)
        self._trained = "training %d" % run.seed

    @abc.abstractmethod
    def made(self, count: int, generator: torch.Generator) -> Any:
        """A batch of `count` samples on `device`; all that is random comes from `generator`, and nothing waits."""

    def training(self, epoch: int) -> Iterator[Any]:
        """This rank's batches of an epoch (from 0): no other rank, step or epoch has the same."""
        for step in range(epoch * self.steps, (epoch + 1) * self.steps):
            yield self._block(self._trained, step * self._world_size + self._rank, self.batch_size)

    def evaluation(self) -> Iterator[Any]:
        """This rank's part of what is evaluated."""
        starts = range(0, self._evaluated, self.evaluated_at_once)
        for block, start in list(enumerate(starts))[self._rank :: self._world_size]:
            yield self._block("evaluation", block, min(self.evaluated_at_once, self._evaluated - start))

    def _block(self, stream: str, block: int, count: int) -> Any:
        # Blocks count up from their stream's number. A generator on a CPU takes its last 32 bits: that two streams of
        # 100,000 blocks meet there has a chance of one in 20,000.
        first = int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "big")
        self._generator.manual_seed((first + block) % 2**63)
        return self.made(count, self._generator)


class Stored:
    """Batches of a data set: its samples in a new order every epoch, drawn by `workers` processes for each card.

    The workers live as long as the training does; batches travel to the device one ahead.
    """

    def __init__(
        self,
        run: Run,
        trained: Dataset[Any],
        evaluated: Dataset[Any],
        *,
        batch_size: int,
        workers: int,
        collate: Callable[[list[Any]], Any] | None = None,
        evaluation_batch_size: int | None = None,
        repeats: int = 1,
        sampler: Any = None,
    ) -> None:
        """Raises ValueError where an epoch has no step.

        `batch_size`: of a card. `repeats`: see `Repeated`. `sampler`: gives this rank's indices of an epoch in another
        order or of another length; it has `set_epoch(epoch)`, and as many on every rank.
        """
        self.batch_size = batch_size
        self._device = run.device
        place = {"num_replicas": run.world_size, "rank": run.rank, "seed": run.seed}
        natural = Repeated(trained, repeats=repeats, drop_last=True, **place)
        self._sampler = natural if sampler is None else sampler
        options: dict[str, Any] = {
            "num_workers": workers,
            "persistent_workers": workers > 0,
            "pin_memory": run.device.type != "cpu",
            "collate_fn": collate,
            # Ranks change their samples alike only by chance.
            "generator": torch.Generator().manual_seed(1000 * run.seed + run.rank),
        }
        self._trained = DataLoader(trained, batch_size, sampler=self._sampler, drop_last=True, **options)
        part = Subset(evaluated, range(run.rank, len(evaluated), run.world_size))
        self._evaluated = DataLoader(part, evaluation_batch_size or batch_size, **options)
        self._begun: tuple[int, Iterator[Any]] | None = None  # the epoch that the workers are at already
        self.steps = len(self._trained)
        if self.steps == 0:
            text = "the data set has %d samples to train on: no step of %d cards with %d each"
            raise ValueError(text % (len(trained), run.world_size, batch_size))

    def training(self, epoch: int) -> Iterator[Any]:
        """This rank's batches of an epoch (from 0); what does not fill a batch on every rank is left out.

        The workers begin with the next epoch while this one is evaluated.
        """
        begun, self._begun = self._begun, None
        yield from ahead(begun[1] if begun and begun[0] == epoch else self._begin(epoch), self._device)
        self._begun = epoch + 1, self._begin(epoch + 1)

    def _begin(self, epoch: int) -> Iterator[Any]:
        self._sampler.set_epoch(epoch)
        return iter(self._trained)

    def evaluation(self) -> Iterator[Any]:
        """This rank's part of what is evaluated."""
        return ahead(self._evaluated, self._device)


class Repeated(DistributedSampler):  # type: ignore[misc]
    """A sampler of an epoch that has each of its samples so many times in a row, shared by the ranks.

    A data set that changes its samples by chance gives each in as many versions, to one step of many cards
    ("Augment your batch", https://arxiv.org/abs/1901.09335). An epoch is as long as it would be without.
    """

    def __init__(self, dataset: Any, *, repeats: int, **options: Any) -> None:
        super().__init__(dataset, **options)
        self._repeats = repeats

    def __iter__(self) -> Iterator[int]:
        order = torch.randperm(len(self.dataset), generator=torch.Generator().manual_seed(self.seed + self.epoch))
        mine = order.repeat_interleave(self._repeats)[self.rank :: self.num_replicas]
        yield from mine[: self.num_samples].tolist()


def ahead(loader: Iterable[Any], device: torch.device) -> Iterator[Any]:
    """The loader's batches on the device, each copied on a stream of its own while the one before is trained on.

    A batch is a tensor, or a tuple, list or dict of batches; what else is in it stays as it is.
    """
    if device.type == "cpu":
        yield from loader
        return
    accelerator = getattr(torch, device.type)
    stream, batches = accelerator.Stream(), iter(loader)
    ended = object()

    def copied() -> Any:
        batch = next(batches, ended)
        with accelerator.stream(stream):
            return batch if batch is ended else changed(batch, lambda part: part.to(device, non_blocking=True))

    following = copied()
    while following is not ended:
        current = accelerator.current_stream()
        current.wait_stream(stream)
        changed(following, functools.partial(used_on, stream=current))
        batch = following
        yield batch
        following = copied()


def used_on(part: torch.Tensor, stream: Any) -> None:
    """Keeps the memory of a tensor until the stream is done with it."""
    part.record_stream(stream)


def changed(batch: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """The batch with every tensor in it changed."""
    if isinstance(batch, torch.Tensor):
        return change(batch)
    if isinstance(batch, dict):
        return {name: changed(part, change) for name, part in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(changed(part, change) for part in batch))
    if isinstance(batch, (list, tuple)):
        return type(batch)(changed(part, change) for part in batch)
    return batch
