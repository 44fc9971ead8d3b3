"""Click logs that no disk holds: whether somebody clicked follows from 13 numbers and 26 categories, and from chance.

Every number and every category of every table has a weight; SHARPNESS times their sum, scaled to a deviation of 1, is
the log-odds of a click. Categories are as skewed as real ones: the k-th of a table is about 1/k as frequent as its
first. Whoever knows the weights reaches a ROC-AUC of 0.918 and nobody more, because the clicks themselves are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Generated

NUMBERS = 13
SHARPNESS = 3.0
LEVELS = 1024  # of a category's weight, from -1 to 1


class GeneratedClicks(Generated):
    """A source of numbers (B x 13), categories (B x 26, int64) and clicks (B, 0 or 1)."""

    name = "clicks-1"
    evaluated_at_once = 1000

    def __init__(
        self, run: Run, *, rows: Sequence[int], batch_size: int, training_samples: int, evaluation_samples: int
    ) -> None:
        count = {"training_samples": training_samples, "evaluation_samples": evaluation_samples}
        super().__init__(run, batch_size=batch_size, **count)
        self._rows = torch.tensor(rows, device=self.device)
        self._logarithms = (self._rows + 1).float().log()
        self._tables = torch.arange(len(rows), device=self.device)
        self._signs = 1.0 - 2.0 * (torch.arange(NUMBERS, device=self.device) % 2)

    def made(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Numbers, categories and clicks."""
        options = {"generator": generator, "device": self.device}
        numbers = torch.randn(count, NUMBERS, **options)
        skewed = (torch.rand(count, len(self._rows), **options) * self._logarithms).exp().long() - 1
        categories = torch.minimum(skewed, self._rows - 1)
        clicks = (torch.rand(count, **options) < self.chances(numbers, categories)).float()
        return numbers, categories, clicks

    def chances(self, numbers: torch.Tensor, categories: torch.Tensor) -> torch.Tensor:
        """The probabilities (B) of a click."""
        levels = (categories * 48_271 + self._tables * 7_919) % LEVELS
        score = (2 * levels.float() / (LEVELS - 1) - 1).sum(1) + (numbers * self._signs).sum(1)
        return torch.sigmoid(SHARPNESS * score / (len(self._rows) / 3 + NUMBERS) ** 0.5)
