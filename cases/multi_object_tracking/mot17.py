"""MOT17 as it comes: train/MOT17-02-FRCNN/{seqinfo.ini, img1/000001.jpg, gt/gt.txt} and so on.

The benchmark keeps its test annotations, so that the training videos serve both: the first half of each is trained on,
the second evaluated. The same videos lie there three times, for three detectors that are not needed: one is read.
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from pathlib import Path

import torch
from frames import IGNORED, NOBODY, Frames
from letterbox import Placed, letterboxed, varied
from PIL import Image
from torch.utils.data import Dataset

from pytest_sixdim.training import Run
from pytest_sixdim.training.batches import Stored

PERSON = 1
#: Person on a vehicle, static person, distractor, reflection: neither found nor missed (arXiv 1603.00831, section 3.1).
UNCOUNTED = (2, 7, 8, 12)


@dataclass(frozen=True)
class Still:
    """A frame on disk: its image, boxes (pixels) and identities, its video and its place there."""

    image: Path
    boxes: list[tuple[float, float, float, float]]
    identities: list[int]
    sequence: int
    number: int


class Stills(Dataset[Frames]):
    """Frames of videos, one by one, brought to a size; every one with as many slots for objects."""

    def __init__(self, stills: list[Still], size: tuple[int, int], slots: int, trained: bool) -> None:
        self._stills, self._size, self._slots, self._trained = stills, size, slots, trained

    def __len__(self) -> int:
        return len(self._stills)

    def __getitem__(self, index: int) -> Frames:
        """A frame without the dimension of a batch. Raises ValueError, naming it, for an image that is broken."""
        still = self._stills[index]
        try:
            with Image.open(still.image) as file:
                image = file.convert("RGB")
        except OSError as error:
            raise ValueError(f"{still.image}: {error}") from error
        boxes, identities = torch.tensor(still.boxes).view(-1, 4), torch.tensor(still.identities, dtype=torch.int64)
        if self._trained:
            boxes, identities = boxes[identities >= 0], identities[identities >= 0]
        placed: Placed = (varied if self._trained else letterboxed)(image, boxes, self._size)
        kept = placed.shown if self._trained else torch.ones(len(boxes), dtype=torch.bool)
        boxes, identities = placed.boxes[kept][: self._slots], identities[kept][: self._slots]
        slots = torch.zeros(self._slots, 4)
        slots[: len(boxes)] = boxes
        who = torch.full((self._slots,), NOBODY)
        who[: len(boxes)] = identities
        return Frames(placed.image, slots, who, torch.tensor(still.sequence), torch.tensor(still.number))


def mot17(
    root: Path, run: Run, *, batch_size: int, size: tuple[int, int], slots: int, workers: int
) -> tuple[Stored, int]:
    """A source of frames (`size`: height and width in pixels), and how many identities are trained on.

    slots: for objects in a frame that is trained on. Raises SystemExit, naming the file, where one is missing or
    broken.
    """
    folders = sorted((one for one in (root / "train").glob("*") if one.is_dir()), reverse=True)
    videos = sorted({folder.name.rsplit("-", 1)[0]: folder for folder in folders}.values())  # the first of each three
    if not videos:
        raise SystemExit(f"{root / 'train'} has no videos, such as MOT17-02-FRCNN")
    trained, evaluated = [], []
    for sequence, video in enumerate(videos):
        stills = read(video, sequence)
        half = len(stills) // 2
        trained += stills[:half]
        evaluated += stills[half:]
    known = sorted({(one.sequence, name) for one in trained for name in one.identities if name != IGNORED})
    names = {name: index for index, name in enumerate(known)}
    for one in trained:
        one.identities[:] = [names.get((one.sequence, name), IGNORED) for name in one.identities]
    if not names or not any(name != IGNORED for one in evaluated for name in one.identities):
        raise SystemExit(f"{root / 'train'}: one half of the videos has no person in its gt.txt that counts")
    all_slots = max((len(one.boxes) for one in evaluated), default=1)
    sets = Stills(trained, size, slots, trained=True), Stills(evaluated, size, max(all_slots, 1), trained=False)
    return Stored(run, *sets, batch_size=batch_size, workers=workers, collate=together), max(len(names), 2)


def read(video: Path, sequence: int) -> list[Still]:
    """The frames of a video, in order. Raises SystemExit, naming the file, where one is missing or broken."""
    about = video / "seqinfo.ini"
    parser = configparser.ConfigParser()
    try:
        parser.read_string(about.read_text(encoding="utf-8"))
        length = parser.getint("Sequence", "seqLength")
        folder, ending = parser.get("Sequence", "imDir"), parser.get("Sequence", "imExt")
    except (OSError, configparser.Error, ValueError) as error:
        raise SystemExit(f"{about}: {error}") from error
    stills = [Still(video / folder / f"{n:06}{ending}", [], [], sequence, n) for n in range(1, length + 1)]
    missing = next((still.image for still in stills if not still.image.is_file()), None)
    if missing is not None:
        raise SystemExit(f"{missing} is missing: {about} says that there are {length} frames")
    truth = video / "gt" / "gt.txt"
    try:
        lines = truth.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SystemExit(f"{truth}: {error}") from error
    for number, line in enumerate(lines, start=1):
        try:
            frame, name, left, top, width, height, counted, kind = (float(part) for part in line.split(",")[:8])
            if frame < 1:
                raise IndexError(frame)
            still = stills[int(frame) - 1]
        except (ValueError, IndexError) as error:
            raise SystemExit(f"{truth}, line {number}: not a frame's object in MOT17's form: {line!r}") from error
        if kind in UNCOUNTED or (kind == PERSON and counted):
            still.boxes.append((left, top, left + width, top + height))
            still.identities.append(int(name) if kind == PERSON else IGNORED)
    return stills


def together(samples: list[Frames]) -> Frames:
    """A batch of frames."""
    return Frames(*(torch.stack(parts) for parts in zip(*samples, strict=True)))
