"""What a detector finds, and how right it is: non-maximum suppression, and mAP@0.5 as COCO computes it."""

from __future__ import annotations

import contextlib
import io

import torch
from boxes import corners, decoded
from torchvision.ops import batched_nms
from yolov5 import STRIDES

#: What COCO's evaluation is given, as usual for YOLOv5: scores down to 0.001, boxes of a class that overlap by no more
#: than this.
LEAST, OVERLAP = 0.001, 0.65
#: Best answers of an image that are looked at, and that are given; COCO counts the best hundred.
CANDIDATES, GIVEN = 3000, 100


def candidates(maps: list[torch.Tensor], anchors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Boxes (B x N x 4), scores and classes (B x N) of the best answers, each class of an anchor an answer of its own.

    A score is that of object or not times that of the class (of the first alone where there is but one class).
    """
    boxes, scores = [], []
    for answers, stride, sizes in zip(maps, STRIDES, anchors, strict=True):
        rows, columns = (torch.arange(length, device=answers.device) for length in answers.shape[1:3])
        cells = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)[:, :, None]
        boxes.append(decoded(answers, cells, sizes, stride).flatten(1, 3))
        sure = answers[..., 4:].float().sigmoid()
        scores.append((sure[..., :1] * (sure[..., 1:] if sure.shape[-1] > 2 else 1)).flatten(1, 3))
    joined = torch.cat(scores, 1)
    best, index = joined.flatten(1).topk(min(CANDIDATES, joined[0].numel()), 1)
    places, classes = index // joined.shape[-1], index % joined.shape[-1]
    return torch.cat(boxes, 1).gather(1, places[..., None].expand(-1, -1, 4)), best, classes


def found(maps: list[torch.Tensor], anchors: torch.Tensor) -> list[torch.Tensor]:
    """For each image its objects (N x 6: class, box, score), the surest first, at most GIVEN."""
    answer = []
    for boxes, scores, classes in zip(*candidates(maps, anchors), strict=True):
        sure = scores > LEAST
        boxes, scores, classes = boxes[sure], scores[sure], classes[sure]
        kept = batched_nms(corners(boxes), scores, classes, OVERLAP)[:GIVEN]
        answer.append(torch.cat([classes[kept, None].float(), boxes[kept], scores[kept, None]], 1))
    return answer


def mean_average_precision(truths: torch.Tensor, answers: torch.Tensor) -> float:
    """mAP@0.5, 0 to 1, of answers (N x 7: image, class, box, score) to truths (M x 7: image, class, box, crowd or not).

    pycocotools' COCOeval with IoU 0.5, all sizes, a hundred answers an image: the second of its twelve numbers. A class
    that no image has does not count.
    """
    import numpy
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        true, given = COCO(), COCO()
        images = [{"id": int(image)} for image in torch.cat([truths[:, 0], answers[:, 0]]).unique().tolist()]
        kinds = [{"id": int(kind)} for kind in truths[:, 1].unique().tolist()]
        for data, rows, last in ((true, truths, "iscrowd"), (given, answers, "score")):
            lists = []
            for number, (image, kind, x, y, width, height, value) in enumerate(rows.tolist(), start=1):
                box = [x - width / 2, y - height / 2, width, height]
                about = {"id": number, "image_id": int(image), "category_id": int(kind), "bbox": box}
                lists.append({**about, "area": width * height, last: value if data is given else int(value)})
            data.dataset = {"images": images, "categories": kinds, "annotations": lists}
            data.createIndex()
        judge = COCOeval(true, given, "bbox")
        judge.params.iouThrs, judge.params.maxDets = numpy.array([0.5]), [GIVEN]
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"]
    return float(precision[precision > -1].mean()) if (precision > -1).any() else 0.0
