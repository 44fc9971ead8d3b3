"""MOTA: 1 - (misses + false positives + switches of identity) / objects, over all frames of all videos.

Bernardin, Stiefelhagen: Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics, 2008; events are
motmetrics'. A track and an object are one where their boxes overlap by half.
"""

from __future__ import annotations

import warnings
from typing import TypedDict

import numpy as np
import torch
from detections import APPEARANCE, BOX, SCORE
from frames import IGNORED, NOBODY, Frames
from motion import Numbers
from tracker import Tracker, joined, overlaps

from pytest_sixdim.training import Run, loop

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what motmetrics imports
    import motmetrics

#: Overlap (IoU) from which on a track and an object may be the same.
SAME = 0.5
#: Columns that stand before a detection and before an object (which goes on: identity, box), and all of an object's.
PLACE = ("sequence", "number")
OBJECT = len(PLACE) + 1 + 4


class Counts(TypedDict):
    """What MOTA is made of, in the names of motmetrics."""

    num_misses: int
    num_false_positives: int
    num_switches: int
    num_objects: int


def mota(counts: Counts) -> float:
    """MOTA in %; below 0 where there are more errors than objects."""
    errors = counts["num_misses"] + counts["num_false_positives"] + counts["num_switches"]
    return 100 * (1 - errors / max(counts["num_objects"], 1))


def placed(frames: Frames) -> torch.Tensor:
    """Sequence and number of each frame (B x 2)."""
    return torch.stack((frames.sequences, frames.numbers), dim=-1).float()


def objects(frames: Frames) -> torch.Tensor:
    """A row for each object of a batch: sequence, number, identity, box."""
    places = placed(frames)[:, None].expand(-1, frames.boxes.shape[1], -1)
    rows = torch.cat((places, frames.identities[..., None].float(), frames.boxes), dim=-1)
    return rows[frames.identities != NOBODY]


def found(frames: Frames, detected: torch.Tensor, score: float) -> torch.Tensor:
    """A row for each detection of a batch (B x K x columns) of this score at least: sequence, number, detection."""
    places = placed(frames)[:, None].expand(-1, detected.shape[1], -1)
    return torch.cat((places, detected), dim=-1)[detected[..., SCORE] >= score]


def tracked(objects: Numbers, found: Numbers) -> Counts:
    """Counts of a video, from its objects and detections (rows as above, of one sequence, in any order)."""
    events = motmetrics.MOTAccumulator()
    tracker = Tracker(found.shape[1] - len(PLACE) - APPEARANCE.start)
    numbers = np.concatenate((objects[:, 1], found[:, 1]))
    for number in range(int(numbers.min()), int(numbers.max()) + 1):
        there = objects[objects[:, 1] == number]
        seen = found[found[:, 1] == number][:, len(PLACE) :]
        names, boxes = tracker.step(seen[:, BOX], seen[:, APPEARANCE])
        overlap = overlaps(there[:, 3:], boxes)
        rows, columns = joined(1 - overlap, 1 - SAME)
        ignored = columns[there[rows, 2] == IGNORED]
        counted, told = there[:, 2] != IGNORED, ~np.isin(np.arange(len(names)), ignored)
        costs = np.where(overlap >= SAME, 1 - overlap, np.nan)[np.ix_(counted, told)]
        events.update(there[counted, 2].astype(int), names[told], costs, frameid=number)
    found_in_all = motmetrics.metrics.create().compute(events, metrics=list(Counts.__annotations__))
    return Counts(**{name: int(found_in_all[name].iloc[0]) for name in Counts.__annotations__})


def accuracy(objects: torch.Tensor, found: torch.Tensor, run: Run) -> float:
    """MOTA in % of all videos, from this rank's rows; a video's frames may lie on several ranks."""
    everywhere = [loop.gathered(rows, run).double().cpu().numpy() for rows in (objects, found)]
    sequences = np.unique(np.concatenate([rows[:, 0] for rows in everywhere]))
    counts = Counts(num_misses=0, num_false_positives=0, num_switches=0, num_objects=0)
    for sequence in sequences[run.rank :: run.world_size]:
        one = tracked(*(rows[rows[:, 0] == sequence] for rows in everywhere))
        counts = Counts(**{name: counts[name] + one[name] for name in one})
    return mota(Counts(**{name: round(run.total(counts[name])) for name in counts}))
