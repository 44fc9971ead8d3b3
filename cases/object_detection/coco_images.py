"""COCO 2017 as it comes: annotations/instances_train2017.json and ..._val2017.json beside train2017/ and val2017/.

What is trained on is a mosaic of four images (YOLOv4, arXiv 2004.10934, section 3.3), moved and scaled, its colours
changed, flipped in half of the cases. What is evaluated is whole images, scaled to fit and filled with grey: mAP@0.5
does not change with the scale of an image.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mosaics import FILLED, changed_colours, fitted, flipped, mosaic
from PIL import Image
from torch.utils.data import Dataset

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

#: Objects of a mosaic that are kept, so that all batches have one shape; a mosaic of COCO has thirty in the mean.
MOST = 160

Sample = tuple[torch.Tensor, torch.Tensor]


class Annotated:
    """The images of one part of COCO: their files, and each one's objects (N x 6: class, box, crowd or not)."""

    def __init__(self, root: Path, part: str) -> None:
        """Raises SystemExit, with the path, for annotations that are missing or broken, or name no image."""
        from pycocotools.coco import COCO

        path = root / "annotations" / f"instances_{part}.json"
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                coco = COCO(str(path))
            kinds = {kind: number for number, kind in enumerate(sorted(coco.getCatIds()))}
            images = [coco.imgs[number] for number in sorted(coco.getImgIds())]
            self.files = [root / part / image["file_name"] for image in images]
            self.objects = [self._objects(coco.imgToAnns[image["id"]], kinds) for image in images]
        except OSError as error:
            raise SystemExit(f"{path}: {error.strerror}") from None
        except (json.JSONDecodeError, AssertionError, KeyError, TypeError, ValueError) as error:
            raise SystemExit(f"{path}: not COCO's instances ({type(error).__name__}: {error})") from None
        if not self.files or not kinds:
            raise SystemExit(f"{path}: it names no image or no category")
        self.kinds = list(kinds)
        if not self.files[0].is_file():
            raise SystemExit(f"{self.files[0]}: missing, but {path} names it")

    @staticmethod
    def _objects(annotations: list[dict[str, Any]], kinds: dict[int, int]) -> np.ndarray:
        rows = []
        for one in annotations:
            left, top, width, height = one["bbox"]
            if width > 0 and height > 0:
                centre = (left + width / 2, top + height / 2)
                rows.append((kinds[one["category_id"]], *centre, width, height, one.get("iscrowd", 0)))
        return np.array(rows, dtype=np.float32).reshape(-1, 6)

    def image(self, index: int) -> Image.Image:
        """Raises ValueError for a file that is missing or no image: a worker hands it on, and SystemExit ends it."""
        try:
            with Image.open(self.files[index]) as image:
                return image.convert("RGB")
        except OSError as error:
            raise ValueError(f"{self.files[index]}: {error.strerror or error}") from None


class Trained(Dataset[Sample]):
    """Mosaics (3 x size x size, uint8) and their objects (MOST x 5: class or -1, box), crowds left out."""

    def __init__(self, annotated: Annotated, size: int) -> None:
        self._annotated, self._size = annotated, size

    def __len__(self) -> int:
        return len(self._annotated.files)

    def __getitem__(self, index: int) -> Sample:
        """The image in a mosaic with three others, drawn with torch's generator: the loader seeds it in its workers."""
        others = torch.randint(0, len(self), (3,)).tolist()
        parts = []
        for number in (index, *others):
            objects = self._annotated.objects[number]
            parts.append((self._annotated.image(number), objects[objects[:, 5] == 0, :5]))
        image, objects = flipped(*mosaic(parts, self._size))
        order = torch.randperm(len(objects))[:MOST].numpy()
        return pixels(changed_colours(image)), filled(objects[order], MOST)


class Evaluated(Dataset[Sample]):
    """Whole images (3 x size x size, uint8) and their objects (most x 6: class or -1, box, crowd or not)."""

    def __init__(self, annotated: Annotated, size: int) -> None:
        self._annotated, self._size = annotated, size
        self._most = max(1, *(len(objects) for objects in annotated.objects)) if annotated.objects else 1

    def __len__(self) -> int:
        return len(self._annotated.files)

    def __getitem__(self, index: int) -> Sample:
        image, objects = fitted(self._annotated.image(index), self._annotated.objects[index], self._size)
        canvas = Image.new("RGB", (self._size, self._size), FILLED)
        left, top = (self._size - image.width) // 2, (self._size - image.height) // 2
        canvas.paste(image, (left, top))
        objects[:, 1:3] += (left, top)
        return pixels(canvas), filled(objects, self._most)


def pixels(image: Image.Image) -> torch.Tensor:
    """The image as numbers (3 x H x W, 0 to 255 in 8 bits), a pixel's channels side by side in memory."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def filled(objects: np.ndarray, count: int) -> torch.Tensor:
    """Rows of class -1 after the objects (N x 5 or more), up to `count`."""
    rows = np.zeros((count, objects.shape[1]), dtype=np.float32)
    rows[:, 0] = -1
    rows[: len(objects)] = objects
    return torch.from_numpy(rows)


def together(samples: list[Sample]) -> Sample:
    """A batch of samples, channels last as each of them is: one copy."""
    images = torch.stack([image.permute(1, 2, 0) for image, _ in samples]).permute(0, 3, 1, 2)
    return images, torch.stack([objects for _, objects in samples])


def coco_images(root: Path, run: Run, *, batch_size: int, size: int, workers: int) -> tuple[Stored, int]:
    """A source of images (B x 3 x size x size, uint8) and objects; and the number of classes.

    Raises SystemExit, with the path, where the data set is not as it should be.
    """
    trained, evaluated = (Annotated(root, part) for part in ("train2017", "val2017"))
    if trained.kinds != evaluated.kinds:
        counts = f"{len(trained.kinds)} to train on, {len(evaluated.kinds)} to evaluate"
        raise SystemExit(f"{root / 'annotations'}: the two parts differ in their categories ({counts})")
    data = Trained(trained, size), Evaluated(evaluated, size)
    try:
        stored = Stored(run, *data, batch_size=batch_size, workers=workers, collate=together)
    except ValueError as error:
        raise SystemExit(f"{root}: {error}") from None
    return stored, len(trained.kinds)
