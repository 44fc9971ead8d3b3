"""DLRM: a deep learning recommendation model (Naumov et al., https://arxiv.org/abs/1906.00091, sections 2 and 3).

13 numbers go through a small network, 26 categories through a table each; every pair of the 27 vectors is multiplied,
and a second network makes a score of the products. The networks are the same on every rank (data parallel); each table
lives on one rank, and the ranks exchange what they looked up (model parallel, section 3 of the paper).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import nn

NUMBERS = 13
#: Rows of the 26 tables of Criteo's click logs, days 0 to 2 sampled, as DeepSparkHub's configuration has them.
ROWS = (
    *(932_209, 18_814, 13_624, 6_862, 18_488, 3, 6_242, 1_229, 49, 654_428, 96_850, 69_004, 10),
    *(2_134, 7_345, 60, 4, 918, 14, 984_280, 320_932, 838_408, 76_380, 8_906, 74, 33),
)
SIZE = 64  # of a vector
BOTTOM, TOP = (512, 256, SIZE), (512, 512, 256, 1)


def perceptron(inputs: int, sizes: Sequence[int], last_is_score: bool) -> nn.Sequential:
    """Linear layers with ReLU between them; initialised as the paper's reference does."""
    layers: list[nn.Module] = []
    for size in sizes:
        linear = nn.Linear(inputs, size)
        nn.init.normal_(linear.weight, std=(2 / (inputs + size)) ** 0.5)
        nn.init.normal_(linear.bias, std=(1 / size) ** 0.5)
        layers += [linear, nn.ReLU()]
        inputs = size
    return nn.Sequential(*(layers[:-1] if last_is_score else layers))


class Networks(nn.Module):
    """What every rank has: both networks and the products between them."""

    def __init__(self, tables: int, bottom: Sequence[int], top: Sequence[int]) -> None:
        super().__init__()
        vectors = tables + 1
        first, second = torch.tril_indices(vectors, vectors, offset=-1)
        self.register_buffer("pairs", first * vectors + second, persistent=False)
        self.bottom = perceptron(NUMBERS, bottom, last_is_score=False)
        self.top = perceptron(bottom[-1] + len(first), top, last_is_score=True)

    def forward(self, numbers: torch.Tensor, looked_up: torch.Tensor) -> torch.Tensor:
        """Scores (B), before the sigmoid, of numbers (B x 13) and vectors (B x tables x size)."""
        dense = self.bottom(numbers)
        vectors = torch.cat([dense.unsqueeze(1), looked_up.to(dense.dtype)], dim=1)
        products = torch.bmm(vectors, vectors.transpose(1, 2)).flatten(1)
        return self.top(torch.cat([dense, products.index_select(1, self.pairs)], dim=1)).squeeze(1)


class Tables(nn.Module):
    """One rank's part of the tables, in one matrix. Gradients are sparse: a step touches the rows that it read.

    A table's first values follow from the seed and its number alone, whatever the number of ranks.
    """

    def __init__(self, rows: Sequence[int], size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        """Raises ValueError for more ranks than tables."""
        super().__init__()
        if world_size > len(rows):
            raise ValueError(f"{len(rows)} tables cannot be shared by {world_size} cards: a card holds one at least")
        owners = shared_out(rows, world_size)
        self.counts = [owners.count(owner) for owner in range(world_size)]  # tables of each rank
        by_owner = sorted(range(len(rows)), key=lambda table: owners[table])
        mine = [table for table in by_owner if owners[table] == rank]
        starts = list(accumulate((rows[table] for table in mine), initial=0))
        self.register_buffer("order", torch.tensor(by_owner), persistent=False)
        self.register_buffer("places", torch.tensor(by_owner).argsort(), persistent=False)
        self.register_buffer("starts", torch.tensor(starts[:-1]), persistent=False)
        self.vectors = nn.Embedding.from_pretrained(torch.empty(starts[-1], size), freeze=False, sparse=True)
        with torch.no_grad():
            for table, start, end in zip(mine, starts, starts[1:], strict=False):
                generator = torch.Generator().manual_seed(1000 * seed + table)
                values = self.vectors.weight[start:end]
                if not values.is_meta:
                    values.uniform_(-1, 1, generator=generator).div_(rows[table] ** 0.5)

    def forward(self, categories: torch.Tensor) -> torch.Tensor:
        """Vectors (B x tables x size) of this rank's categories (B x tables), looked up wherever the tables are."""
        batch, ranks = len(categories), len(self.counts)
        ordered = categories.index_select(1, self.order)
        if ranks == 1:
            return self.vectors(ordered + self.starts).index_select(1, self.places)
        own, size = len(self.starts), self.vectors.embedding_dim
        sent = torch.cat([part.reshape(-1) for part in ordered.split(self.counts, dim=1)])
        lengths = [batch * count for count in self.counts]
        asked = exchanged(sent, lengths, [batch * own] * ranks).view(ranks * batch, own)
        found = self.vectors(asked + self.starts)
        answers = Exchange.apply(found.view(-1, size), [batch * own] * ranks, lengths)
        parts = [part.view(batch, -1, size) for part in answers.split(lengths)]
        return torch.cat(parts, dim=1).index_select(1, self.places)


def shared_out(rows: Sequence[int], ranks: int) -> list[int]:
    """The rank of each table: the largest first, each to the rank with the fewest rows so far; none stays empty."""
    load, owners = [0] * ranks, [0] * len(rows)
    for table in sorted(range(len(rows)), key=lambda table: -rows[table]):
        owners[table] = min(range(ranks), key=lambda rank: load[rank])
        load[owners[table]] += rows[table]
    return owners


def exchanged(rows: torch.Tensor, sent: list[int], received: list[int]) -> torch.Tensor:
    """What every rank has for this one: `sent` rows go to each rank, `received` come from each."""
    result = rows.new_empty((sum(received), *rows.shape[1:]))
    torch.distributed.all_to_all_single(result, rows.contiguous(), received, sent)
    return result


class Exchange(torch.autograd.Function):
    """`exchanged`, with its gradient: the way back. Gradients are of the mean over ranks, as DDP's are.

    Where a rank's gradients are not finite, every rank's become NaN: the gradient scaler has to skip a step on all
    ranks or on none, else the networks part.
    """

    @staticmethod
    def forward(context: Any, rows: torch.Tensor, sent: list[int], received: list[int]) -> torch.Tensor:
        """Rows of the other ranks."""
        context.lengths = (sent, received)
        return exchanged(rows, sent, received)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Gradients of the rows that were sent."""
        sent, received = context.lengths
        return exchanged(gradient + 0 * gradient.sum(), received, sent) / len(sent), None, None


class DLRM(nn.Module):
    """The whole model as one rank sees it: `networks` is the same on all, `tables` is this rank's part."""

    def __init__(
        self,
        rows: Sequence[int] = ROWS,
        bottom: Sequence[int] = BOTTOM,
        top: Sequence[int] = TOP,
        *,
        seed: int = 1,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        super().__init__()
        self.categories = len(rows)
        self.tables = Tables(rows, bottom[-1], seed, rank, world_size)
        self.networks = Networks(len(rows), bottom, top)

    def forward(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        """Scores (B), before the sigmoid."""
        return self.networks(numbers, self.tables(categories))
