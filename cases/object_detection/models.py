"""The models of this task, by the name that `--model` gives. A new one is a line in MODELS and what builds it.

A model takes images (B x 3 x H x W, 0 to 255 in 8 bits), has `anchors`, and answers as `yolov5.YOLOv5` does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from yolov5 import YOLOv5


def yolov5s(classes: int, args: argparse.Namespace) -> YOLOv5:
    """YOLOv5s: a third of the depth and half of the width; 7,235,389 parameters with COCO's 80 classes."""
    size = {"depth": 0.33 * args.depth, "width": 0.5 * args.width, "size": args.size}
    return YOLOv5(classes, **size, norm_momentum=args.norm_momentum)


MODELS: dict[str, Callable[[int, argparse.Namespace], YOLOv5]] = {"yolov5s": yolov5s}
