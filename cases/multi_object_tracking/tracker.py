"""Joins the detections of a video to tracks, frame by frame: by appearance and motion, then by overlap.

The order of the joins and their limits are those of Zhang et al., arXiv 2004.01888, section 4.4 (online association).
"""

from __future__ import annotations

import numpy as np
from motion import Motion, Numbers, boxed
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: Highest costs of a join: by appearance, by overlap (1 - IoU), and by overlap of a track that was seen once.
APPEARANCE, OVERLAP, NEWCOMER = 0.4, 0.5, 0.7
#: Of appearance in the cost of the first join; the rest is that of motion.
BALANCE = 0.98
#: What a squared Mahalanobis distance of four numbers stays below in 95 % (chi-square).
GATE = 9.4877
#: Of a track's former appearance, when it is seen again.
MEMORY = 0.9
#: Frames after which a lost track is given up.
PATIENCE = 30


def overlaps(ones: Numbers, others: Numbers) -> Numbers:
    """Intersection over union of boxes (T x 4 and M x 4: left, top, right, bottom): T x M."""
    least = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    common = np.clip(least - np.maximum(ones[:, None, :2], others[None, :, :2]), 0, None).prod(-1)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1) for boxes in (ones, others)]
    union = areas[0][:, None] + areas[1][None] - common
    return common / np.maximum(union, 1e-9)


def joined(costs: Numbers, limit: float) -> tuple[Index, Index]:
    """The pairs (rows, columns) of lowest cost in all; none costs more than the limit."""
    rows, columns = linear_sum_assignment(np.where(costs <= limit, costs, 1e6))
    kept = costs[rows, columns] <= limit
    return rows[kept], columns[kept]


class Tracker:
    """The tracks of one video. Frames are given in order, those without detections too."""

    def __init__(self, appearance: int) -> None:
        """`appearance`: numbers that an object is told by."""
        self._motion = Motion.begun(np.zeros((0, 4)))
        self._appearance = np.zeros((0, appearance))
        self._names: Index = np.zeros(0, dtype=np.int64)
        self._missed: Index = np.zeros(0, dtype=np.int64)  # frames since a track was seen
        self._confirmed: Flags = np.zeros(0, dtype=bool)  # seen twice in a row, or in the first frame
        self._frames = self._named = 0

    def step(self, boxes: Numbers, appearance: Numbers) -> tuple[Index, Numbers]:
        """The names of the tracks that are seen in a frame, and the boxes that they are seen in.

        boxes, appearance: of M detections (M x 4, M x numbers of length 1).
        """
        self._frames += 1
        self._missed += 1
        self._motion.velocity[self._missed > 1, 3] = 0  # the height of a lost track stays
        self._motion.predict()
        owners = self._owners(boxes, appearance)
        seen = owners >= 0
        self._see(owners[seen], boxes[seen], appearance[seen])
        names = self._names[owners[seen]]
        first = self._frames == 1
        kept = (self._missed == 0) | (self._confirmed & (self._missed <= PATIENCE))
        begun = self._begin(kept, boxes[~seen], appearance[~seen], confirmed=first)
        if first:
            return begun, boxes
        return names, boxes[seen]

    def _owners(self, boxes: Numbers, appearance: Numbers) -> Index:
        """The track of each detection, or -1."""
        owners: Index = np.full(len(boxes), -1)
        distances = self._motion.distances(boxes)
        alike = BALANCE * (1 - self._appearance @ appearance.T) + (1 - BALANCE) * distances
        apart = 1 - overlaps(boxed(self._motion.place), boxes)
        followed = self._confirmed & (self._missed == 1)  # in the frame before
        for costs, tracks, limit in (
            (np.where(distances <= GATE, alike, np.inf), self._confirmed, APPEARANCE),
            (apart, followed, OVERLAP),
            (apart, ~self._confirmed, NEWCOMER),
        ):
            free = np.flatnonzero(tracks & ~np.isin(np.arange(len(tracks)), owners))
            left = np.flatnonzero(owners < 0)
            rows, columns = joined(costs[np.ix_(free, left)], limit)
            owners[left[columns]] = free[rows]
        return owners

    def _see(self, tracks: Index, boxes: Numbers, appearance: Numbers) -> None:
        self._motion.correct(tracks, boxes)
        mixed = MEMORY * self._appearance[tracks] + (1 - MEMORY) * appearance
        self._appearance[tracks] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
        self._missed[tracks] = 0
        self._confirmed[tracks] = True

    def _begin(self, kept: Flags, boxes: Numbers, appearance: Numbers, confirmed: bool) -> Index:
        """Gives up the tracks that are not kept, and begins one for each of these boxes; returns their names."""
        names = self._named + np.arange(len(boxes))
        self._named += len(boxes)
        self._motion = self._motion.of(kept).with_more(Motion.begun(boxes))
        self._appearance = np.concatenate((self._appearance[kept], appearance))
        self._names = np.concatenate((self._names[kept], names))
        self._missed = np.concatenate((self._missed[kept], np.zeros_like(names)))
        self._confirmed = np.concatenate((self._confirmed[kept], np.full(len(boxes), confirmed)))
        return names
