"""Anchors: boxes laid on a grid from which a detector predicts others, and which object each has to predict.

A network whose map has stride s describes the image by cells of s×s pixels. Cell (i, j) is centred at
((j + ½)·s, (i + ½)·s), and so are its anchors. `encode` says how a box differs from an anchor in the four numbers that
a network predicts, `decode` goes back. `assign` matches anchors with objects by their overlap, as Faster R-CNN and SSD
do, and `assign_cells` matches cells with objects by their centres, as YOLO and FCOS do.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pixelwise.detection.boxes import area, from_centres, pairwise_iou, to_centres

# What an anchor or a cell is matched with where it is no object's index.
BACKGROUND, UNDECIDED = -1, -2

# No predicted side is longer than 62.5 times that of its anchor, or exp would overflow early in training. Detectron's.
LONGEST = math.log(1000 / 16)


def anchor_shapes(sizes: Sequence[float], ratios: Sequence[float] = (0.5, 1.0, 2.0)) -> Tensor:
    """Return widths and heights in pixels, one row for each size and ratio: (S·R, 2), sizes first.

    An anchor of a size has the area size², and a ratio is its height over its width.

    Raises `ValueError` for a size or a ratio that is not above 0.

    Source: Ren et al., Faster R-CNN: Towards real-time object detection with region proposal networks, 2015, section
    3.1.1, with sizes 128, 256 and 512 and ratios 1:2, 1:1 and 2:1.
    """
    if not all(each > 0 for each in (*sizes, *ratios)):
        raise ValueError(f"Sizes and ratios of anchors are above 0, not {tuple(sizes)} and {tuple(ratios)}.")
    size, root = torch.tensor(sizes)[:, None], torch.tensor(ratios).sqrt()
    return torch.stack((size / root, size * root), -1).flatten(0, 1)


def grid_anchors(shapes: Tensor, grid: tuple[int, int], stride: int) -> Tensor:
    """Return the anchors of all cells of a `grid` of (rows, columns): (rows, columns, A, 4), on the device of `shapes`.

    `shapes` (A, 2) are widths and heights, as `anchor_shapes` gives. Anchors may reach out of the image.

    Raises `ValueError` for shapes that are not (A, 2) or a stride below 1.
    """
    if shapes.ndim != 2 or shapes.shape[1] != 2 or stride < 1:
        raise ValueError(f"Anchors need shapes (A, 2) and a stride from 1, not {tuple(shapes.shape)} and {stride}.")
    across, down = (
        (torch.arange(length, device=shapes.device, dtype=shapes.dtype) + 0.5) * stride for length in grid[::-1]
    )
    y, x = torch.meshgrid(down, across, indexing="ij")
    places = torch.stack((x, y), -1)[:, :, None].expand(-1, -1, len(shapes), -1)
    return from_centres(torch.cat((places, shapes.expand_as(places)), -1))


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Return what turns each anchor into its box: (…, 4) and (…, 4), which broadcast, to (t_x, t_y, t_w, t_h) (…, 4).

    With centre (x, y), width w and height h of the box, and those of the anchor with an index a,

        t_x = (x − x_a) / w_a,   t_y = (y − y_a) / h_a,   t_w = log(w / w_a),   t_h = log(h / h_a),

    which stay the same when image, box and anchor are all enlarged. A side of length 0 gives −∞; anchors have sides
    above 0.

    Source: Ren et al. 2015, equation 2, from Girshick et al., Rich feature hierarchies for accurate object detection
    and semantic segmentation, 2014, appendix C.
    """
    box, anchor = to_centres(boxes), to_centres(anchors)
    return torch.cat(((box[..., :2] - anchor[..., :2]) / anchor[..., 2:], (box[..., 2:] / anchor[..., 2:]).log()), -1)


def decode(encoded: Tensor, anchors: Tensor, longest: float = LONGEST) -> Tensor:
    """Return the boxes (…, 4) that `encoded` makes of anchors (…, 4): the inverse of `encode`.

    t_w and t_h above `longest` are taken as `longest`, which gives them no gradient.
    """
    anchor = to_centres(anchors)
    encoded = encoded.to(torch.promote_types(encoded.dtype, anchor.dtype))
    middle = anchor[..., :2] + encoded[..., :2] * anchor[..., 2:]
    return from_centres(torch.cat((middle, encoded[..., 2:].clamp(max=longest).exp() * anchor[..., 2:]), -1))


def assign(
    anchors: Tensor,
    boxes: Tensor,
    positive: float = 0.7,
    negative: float = 0.3,
    every_object: bool = True,
    ignored: Tensor | None = None,
) -> Tensor:
    """Return for each anchor (A, 4) the index of the object (M, 4) that it has to find: (A,) int64, or one of two.

    - An anchor whose best IoU is at least `positive` gets the object of that IoU; of equal ones the first.
    - With `every_object`, so does an anchor that no other surpasses in IoU with some object, unless that IoU is 0. Its
      target too is the object with which the anchor itself has the largest IoU. All anchors that tie are taken.
    - Of the rest, an anchor whose best IoU is below `negative` is `BACKGROUND`, −1, and others are `UNDECIDED`, −2: no
      loss should count them.

    `ignored` objects (M,), booleans, are matched with nothing; an anchor that would be background and has an IoU of at
    least `negative` with one of them is undecided.

    Raises `ValueError` unless 0 ≤ `negative` ≤ `positive` ≤ 1.

    Source: Ren et al. 2015, section 3.1.2; the paper does not say what is done with ties or with an anchor that is the
    best one for an object and has a larger IoU with another.
    """
    if not 0 <= negative <= positive <= 1:
        raise ValueError(f"Thresholds are 0 ≤ negative ≤ positive ≤ 1, not {negative} and {positive}.")
    result = torch.full(anchors.shape[:1], BACKGROUND, device=anchors.device)
    if not len(boxes):
        return result
    overlap = pairwise_iou(anchors, boxes)
    if ignored is not None:
        near_ignored = ((overlap >= negative) & ignored).any(1)
        result[near_ignored] = UNDECIDED
        overlap = overlap.masked_fill(ignored, -1)
    largest, index = overlap.max(1)
    result[(largest >= negative) & (largest < positive)] = UNDECIDED
    matched = largest >= positive
    if every_object and len(anchors):
        of_object = overlap.max(0).values
        matched |= ((overlap == of_object) & (of_object > 0)).any(1)
    # With `positive` 0 an anchor may meet no object at all, or none that is not ignored.
    matched &= largest > 0
    return torch.where(matched, index, result)


def assign_cells(
    grid: tuple[int, int], stride: int, boxes: Tensor, present: Tensor, radius: float = 0, inside: bool = True
) -> Tensor:
    """Return for each cell of a `grid` (rows, columns) the object it has to find: (N, rows, columns), int64.

    Images have the boxes (N, M, 4) of M objects each, of which those count that are `present` (N, M). A cell is given
    the object whose centre lies in it; a centre on the edge between two cells lies in the right or lower one, and one
    on the right or lower border of the grid, or outside, in the cell next to it. With a `radius` above 0, objects
    are given also to the cells whose centres are at most `radius` strides from theirs along both axes and, if `inside`,
    lie in their box. Where several objects claim a cell, one whose centre lies in it comes first, then the smallest in
    area, then the first. Cells without an object hold `BACKGROUND`, −1.

    Source: the centre's cell is that of Redmon et al., You only look once: Unified, real-time object detection, 2016,
    section 2; neighbours within a radius are the centre sampling that followed Tian et al., FCOS: Fully convolutional
    one-stage object detection, 2019, whose rule for several objects is the smallest area.
    """
    rows, columns = grid
    if not boxes.shape[1]:
        return torch.full((len(boxes), rows, columns), BACKGROUND, device=boxes.device)
    centres = to_centres(boxes)[:, None, None, :, :2]
    across, down = (torch.arange(length, device=boxes.device) for length in (columns, rows))
    y, x = torch.meshgrid(down, across, indexing="ij")
    cell = torch.stack((x, y), -1)[:, :, None]
    last = torch.tensor([columns - 1, rows - 1], device=boxes.device)
    owner = ((centres / stride).floor().clamp(min=0).minimum(last) == cell).all(-1)
    middle = (cell + 0.5) * stride
    near = ((middle - centres).abs() <= radius * stride).all(-1) & (radius > 0)
    if inside:
        box = boxes[:, None, None]
        near &= ((middle >= box[..., :2]) & (middle < box[..., 2:])).all(-1)
    claims = (owner | near) & present[:, None, None]
    size = area(boxes)[:, None, None].expand(claims.shape)
    # Not one sum: a large number for those that are no owners would round differences of area away.
    owned = (owner & claims).any(-1, keepdim=True)
    allowed = torch.where(owned, owner & claims, claims)
    index = size.masked_fill(~allowed, math.inf).argmin(-1)
    return torch.where(allowed.any(-1), index, BACKGROUND)
