"""Videos that no disk holds, made on the device: patterned rectangles that walk on noise, each in a field of its own.

A frame is rows x columns of fields. Three of four hold an object, which walks straight and turns at its field's edge,
so that none hides another. An object is brighter than the noise by FAINT, and where its identity's pattern of 4x2
coloured cells says so by STRONG. All else of a pixel is random. Whoever averages the noise sees every box and every
pattern: the ceiling of MOTA is 100 %, and who finds nothing has 0 %.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from frames import NOBODY, Frames

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Generated

FAINT, STRONG = 96, 128  # of 256
TALL, WIDE = 4, 2  # cells of a pattern
PRESENT = 0.75  # share of the fields that hold an object
HEIGHTS, WIDTHS = (0.5, 0.85), (0.4, 0.75)  # of an object, in fields
SPEED = 0.05  # highest, in a frame, as a share of the way from one edge of the field to the other


def patterns(identities: int) -> torch.Tensor:
    """By how much each identity's cells are brighter (identities x 4 x 2 x 3): the same everywhere, under any seed."""
    generator = torch.Generator().manual_seed(1)
    strong = torch.randint(0, 2, (identities, TALL, WIDE, 3), generator=generator)
    return torch.where(strong == 1, float(STRONG), float(FAINT))


class GeneratedFrames(Generated):
    """A source of frames: trained on one by one, each of a scene of its own; evaluated in clips of CLIP in a row."""

    name = "walkers-1"
    evaluated_at_once = 50

    def __init__(
        self,
        run: Run,
        *,
        batch_size: int,
        size: tuple[int, int] = (608, 1088),
        fields: tuple[int, int] = (4, 8),
        identities: int = 500,
        training_samples: int = 2_657,
        evaluation_samples: int = 2_659,
        clip: int = 50,
    ) -> None:
        """`size`: height and width in pixels; `fields`: rows and columns; `clip`: frames in a row.

        Raises ValueError for a size that the fields do not divide, or fewer identities than fields.
        """
        if size[0] % fields[0] or size[1] % fields[1]:
            raise ValueError(
                f"frames of {size[0]}x{size[1]} pixels are no {fields[0]} rows of {fields[1]} whole fields"
            )
        if identities < fields[0] * fields[1]:
            raise ValueError(f"{identities} identities are fewer than the {fields[0]}x{fields[1]} fields of a frame")
        count = {"training_samples": training_samples, "evaluation_samples": evaluation_samples}
        super().__init__(run, batch_size=batch_size, **count)
        self.evaluated_at_once = clip
        self.identities = identities
        self._clips = (
            self
            if isinstance(self, GeneratedClips)
            else GeneratedClips(
                run, batch_size=batch_size, size=size, fields=fields, identities=identities, clip=clip, **count
            )
        )
        self._rows, self._columns = fields
        self._field = size[0] // fields[0], size[1] // fields[1]
        self._patterns = patterns(identities).to(run.device)
        # Width and height of a field, of the smallest object and of the largest: copied once, as a copy waits.
        self._whole = torch.tensor([self._field[1], self._field[0]], device=run.device)
        ends = torch.tensor([WIDTHS, HEIGHTS], device=run.device) * self._whole[:, None]
        self._least, self._most = ends.unbind(1)
        rows, columns = torch.meshgrid(torch.arange(fields[0]), torch.arange(fields[1]), indexing="ij")
        corner = torch.stack((columns * self._field[1], rows * self._field[0]), dim=-1)
        self._corners = corner.view(-1, 2).float().to(run.device)  # of the fields: x, y

    def made(self, count: int, generator: torch.Generator) -> Frames:
        """Frames of as many scenes."""
        return self.filmed(count, torch.zeros(count, device=self.device), generator)

    def filmed(self, scenes: int, times: torch.Tensor, generator: torch.Generator) -> Frames:
        """Frames of scenes (1, or as many as `times`) at these times."""
        fields = self._rows * self._columns
        drawn = torch.rand(scenes, fields, 7, generator=generator, device=self.device)
        size = self._least + (self._most - self._least) * drawn[..., 0:2]
        way = 2 * drawn[..., 2:4] + SPEED * (2 * drawn[..., 4:6] - 1) * times[:, None, None]
        place = 1 - (way % 2 - 1).abs()  # there and back
        corner = place * (self._whole - size)
        size = size.expand_as(corner)
        lottery = torch.rand(scenes, self.identities, generator=generator, device=self.device)
        identity = lottery.topk(fields).indices.expand(len(times), fields)
        present = (drawn[..., 6] < PRESENT).expand(len(times), fields)
        images = self._drawn(corner, size, self._patterns[identity] * present[..., None, None, None], generator)
        boxes = torch.cat((self._corners + corner, self._corners + corner + size), dim=-1)
        nowhere = torch.zeros(len(times), dtype=torch.int64, device=self.device)
        return Frames(images, boxes, torch.where(present, identity, NOBODY), nowhere, times.long())

    def _drawn(
        self, corner: torch.Tensor, size: torch.Tensor, pattern: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """The images of objects (B x fields x 2: their corners in their fields and their sizes) and their patterns."""
        count, (height, width) = len(corner), self._field
        across = cells(corner[..., 0], size[..., 0], width, WIDE)
        down = cells(corner[..., 1], size[..., 1], height, TALL)
        added = torch.einsum("nfya,nfabc,nfxb->nfcyx", down, pattern, across).to(torch.uint8)
        shape = (count, self._rows, self._columns, 3, height, width)
        images = torch.randint(0, 256 - STRONG, shape, dtype=torch.uint8, generator=generator, device=self.device)
        images += added.view(shape)
        return images.permute(0, 3, 1, 4, 2, 5).reshape(count, 3, self._rows * height, self._columns * width)

    def evaluation(self) -> Iterator[Frames]:
        """This rank's clips."""
        for index, frames in enumerate(Generated.evaluation(self._clips)):
            clip = self._rank + index * self._world_size
            yield frames._replace(sequences=frames.sequences + clip)


class GeneratedClips(GeneratedFrames):
    """What is evaluated: every block is one scene, frame by frame."""

    def made(self, count: int, generator: torch.Generator) -> Frames:
        """So many frames in a row of one scene."""
        return self.filmed(1, torch.arange(count, device=self.device).float(), generator)


def cells(start: torch.Tensor, size: torch.Tensor, pixels: int, count: int) -> torch.Tensor:
    """Which of an object's cells a pixel lies in: ... x pixels x count, one 1 a pixel, none outside the object.

    `start` and `size` (...) in pixels; a pixel is where its middle is.
    """
    middles = torch.arange(pixels, device=start.device) + 0.5
    cell = ((middles - start[..., None]) * (count / size[..., None])).floor()
    return (cell[..., None] == torch.arange(count, device=start.device)).float()
