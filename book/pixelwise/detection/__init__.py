"""Detection: boxes and their overlaps, anchors, what a detector is told to find, and how good what it found is.

    objects = objects_in(scenes.instances, scenes.labels)      # the true boxes of each image
    kept = nms(boxes, scores, threshold=0.5, groups=classes)
    score = AveragePrecision(classes=5, convention="coco")
    score.update(found, objects[0])
    score.mean()

A box is (x0, y0, x1, y1) in pixels; `pixelwise.detection.boxes` says which pixels are in it.
"""

from pixelwise.detection.anchors import (
    BACKGROUND,
    UNDECIDED,
    anchor_shapes,
    assign,
    assign_cells,
    decode,
    encode,
    grid_anchors,
)
from pixelwise.detection.boxes import (
    Detections,
    Objects,
    area,
    clipped,
    from_centres,
    from_sizes,
    giou,
    iou,
    nms,
    objects_in,
    pairwise_giou,
    pairwise_iou,
    pairwise_share_inside,
    to_centres,
    to_sizes,
)
from pixelwise.detection.errors import MISTAKES, mistakes
from pixelwise.detection.instances import PanopticQuality, by_boxes, connected
from pixelwise.detection.precision_recall import AveragePrecision, average_precision, matched
from pixelwise.detection.roi import roi_align

__all__ = [
    "BACKGROUND",
    "MISTAKES",
    "UNDECIDED",
    "AveragePrecision",
    "Detections",
    "Objects",
    "PanopticQuality",
    "anchor_shapes",
    "area",
    "assign",
    "assign_cells",
    "average_precision",
    "by_boxes",
    "clipped",
    "connected",
    "decode",
    "encode",
    "from_centres",
    "from_sizes",
    "giou",
    "grid_anchors",
    "iou",
    "matched",
    "mistakes",
    "nms",
    "objects_in",
    "pairwise_giou",
    "pairwise_iou",
    "pairwise_share_inside",
    "roi_align",
    "to_centres",
    "to_sizes",
]
