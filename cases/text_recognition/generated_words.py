"""Images of words that no disk holds, made on the card batch by batch: glyphs in random places of random noise.

A character's glyph is a pattern of 4x3 cells that are brighter by BRIGHTER or not. A word is one to `longest` of the
characters 0-9a-z in a row that begins anywhere; each of its characters is as high or low as chance has it, so that a
word is a row of leaps and has to be read in two dimensions. All else of a pixel is random: no image comes twice, and
the matrix units are fed what real images feed them. Two glyphs differ in three cells at least, and each touches all
four sides of its pattern, so that no glyph is a part of another one elsewhere: whoever knows them is never wrong. The
ceiling is 100 %. Who knows nothing but the rule is right once in longest * kinds at most.
"""

from __future__ import annotations

import functools

import torch
from alphabet import END, PADDING

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Generated

KINDS = 36  # of characters: the first of the alphabet, which differ by more than case
ROWS, COLUMNS = 4, 3  # cells of a glyph
CELL_HEIGHT, CELL_WIDTH = 4, 2  # pixels
HEIGHT, WIDTH, PITCH = ROWS * CELL_HEIGHT, COLUMNS * CELL_WIDTH, 8  # pixels of a glyph; from one to the next
BRIGHTER = 96  # of 256
APART = 3  # cells at least in which two glyphs differ


@functools.cache
def glyphs() -> torch.Tensor:
    """What each character adds to its cells (KINDS x ROWS x COLUMNS, uint8): the same on every device and seed."""
    chosen: list[torch.Tensor] = []
    for number in torch.randperm(2 ** (ROWS * COLUMNS), generator=torch.Generator().manual_seed(1)).tolist():
        cells = torch.tensor([number >> cell & 1 for cell in range(ROWS * COLUMNS)]).view(ROWS, COLUMNS)
        touching = all(side.any() for side in (cells[0], cells[-1], cells[:, 0], cells[:, -1]))
        if touching and all((cells != other).sum() >= APART for other in chosen):
            chosen.append(cells)
        if len(chosen) == KINDS:
            break
    return BRIGHTER * torch.stack(chosen).to(torch.uint8)


class GeneratedWords(Generated):
    """A source of generated batches: images (B x 3 x height x width, uint8, channels last) and encoded words."""

    name = "glyphs-1"

    def __init__(
        self,
        run: Run,
        *,
        batch_size: int,
        training_samples: int,
        evaluation_samples: int,
        height: int = 32,
        width: int = 100,
        length: int = 25,
        longest: int = 12,
        kinds: int = KINDS,
    ) -> None:
        """`length`: of encoded words; `longest`: characters of a word; `kinds`: of characters.

        Raises ValueError where an image has no room for the longest word, or there are no such words.
        """
        if height < HEIGHT or width < longest * PITCH or length <= longest:
            text = "an image of {}x{} pixels read to {} characters has no room for a word of {}: it needs {}x{} and {}"
            needed = HEIGHT, longest * PITCH, longest + 1
            raise ValueError(text.format(height, width, length, longest, *needed))
        if not (2 <= kinds <= KINDS and longest >= 1):
            raise ValueError(f"words have 1 character at least, of 2 to {KINDS} kinds; not {longest} of {kinds}")
        count = {"training_samples": training_samples, "evaluation_samples": evaluation_samples}
        super().__init__(run, batch_size=batch_size, **count)
        self._height, self._width, self._length, self._longest, self._kinds = height, width, length, longest, kinds
        self._glyphs = glyphs().to(run.device).flatten()

    def made(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and encoded words (count x (1 + length))."""

        def drawn(below: int, *shape: int) -> torch.Tensor:
            return torch.randint(0, below, (count, *shape), generator=generator, device=self.device)

        characters, letters = drawn(self._kinds, self._longest), 1 + drawn(self._longest, 1)
        tops = drawn(self._height - HEIGHT + 1, self._longest)
        room = self._width - PITCH * letters + 1
        start = (torch.rand((count, 1), generator=generator, device=self.device) * room).long()
        noise = (count, self._height, self._width, 3)
        images = torch.randint(0, 256 - BRIGHTER, noise, dtype=torch.uint8, generator=generator, device=self.device)
        images += self._drawn(characters, letters, tops, start)[..., None]
        return images.permute(0, 3, 1, 2), self._encoded(characters, letters)

    def _drawn(
        self, characters: torch.Tensor, letters: torch.Tensor, tops: torch.Tensor, start: torch.Tensor
    ) -> torch.Tensor:
        """What words add to pixels (B x height x width): each pixel looks up the cell of the glyph that is there."""
        across = torch.arange(self._width, device=self.device) - start
        place = across // PITCH
        in_place = place.clamp(0, self._longest - 1)
        column, character = across % PITCH, characters.gather(1, in_place)
        down = torch.arange(self._height, device=self.device)[:, None] - tops.gather(1, in_place)[:, None]
        row = down.clamp(0, HEIGHT - 1) // CELL_HEIGHT
        cell = (character[:, None] * ROWS + row) * COLUMNS + (column // CELL_WIDTH).clamp(max=COLUMNS - 1)[:, None]
        marked = (place >= 0) & (place < letters) & (column < WIDTH)
        return self._glyphs[cell] * (marked[:, None] & (down >= 0) & (down < HEIGHT))

    def _encoded(self, characters: torch.Tensor, letters: torch.Tensor) -> torch.Tensor:
        """As `alphabet.encoded` has it."""
        tokens = torch.full((len(characters), 1 + self._length), PADDING, device=self.device)
        tokens[:, 0] = END
        place = torch.arange(self._longest, device=self.device)
        tokens[:, 1 : 1 + self._longest] = torch.where(place < letters, characters, PADDING)
        return tokens.scatter(1, 1 + letters, END)
