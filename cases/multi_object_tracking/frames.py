"""A batch of frames of videos, as it is trained on and evaluated."""

from __future__ import annotations

from typing import NamedTuple

import torch

#: In place of an identity: no object stands in this slot; one that counts neither as found nor as missed.
NOBODY, IGNORED = -1, -2


class Frames(NamedTuple):
    """B frames with N slots for objects each.

    Attributes:
        images: B x 3 x height x width, uint8.
        boxes: B x N x 4: left, top, right, bottom in pixels of the image.
        identities: B x N, int64: from 0, or NOBODY, or IGNORED (the last in evaluation only).
        sequences, numbers: B each: the video of a frame, and its place in it.
    """

    images: torch.Tensor
    boxes: torch.Tensor
    identities: torch.Tensor
    sequences: torch.Tensor
    numbers: torch.Tensor
