"""Average precision (AP) of a detector, by the conventions of its benchmarks, image by image over a data set.

    score = AveragePrecision(classes=5, convention="coco")
    for found, truth in images:          # Detections and Objects of an image
        score.update(found, truth)
    score.mean(), score.per_class()      # one number, and (thresholds, classes)

Detections of a class are gone through by falling score, over all images; of equal scores the earlier image and, in an
image, the earlier row comes first. A detection is *right* if it is matched with an object of its class in its image at
an IoU of at least a threshold. After each of them precision is the share of right ones so far, and recall the share
of all objects that were found so far. AP is a mean of precision over recall; conventions differ in which mean it is,
and in how detections are matched:

| | "voc2007" | "voc2010" | "coco" |
|---|---|---|---|
| threshold on IoU | 0.5 | 0.5 | 0.50, 0.55 … 0.95, and the mean over them |
| precision is averaged | at recall 0, 0.1 … 1 | over all recalls | at recall 0, 0.01 … 1 |
| detections an image and class | all | all | the 100 surest |
| a detection is matched with | the object of largest IoU | as 2007 | the free object of largest IoU |
| that object was found before | wrong | wrong | it is not free; another may be |
| objects not to be found | best match is ignored: the detection is not counted | as 2007 | only if no other match |
| a crowd's measure is | IoU | IoU | the share of the detection in it; never used up |

Precision at a recall r is the largest one at any recall of at least r (*interpolated*); 0 where r is not reached.

Sources: Everingham et al., The Pascal visual object classes (VOC) challenge, 2010, section 4.2 (eleven points);
Everingham et al., The Pascal visual object classes challenge: A retrospective, 2015, section 2.2 (since 2010, all
points); Lin et al., Microsoft COCO: Common objects in context, 2014, and the rules of COCO's published evaluation.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

from pixelwise.detection.boxes import Detections, Objects, pairwise_iou, pairwise_share_inside

Convention = Literal["voc2007", "voc2010", "coco"]
# Each is the number nearest to its decimal fraction, as is the IoU or the recall that equals it.
COCO_THRESHOLDS = tuple(k / 20 for k in range(10, 20))
RIGHT, WRONG, NOT_COUNTED = 1, 0, -1


class AveragePrecision:
    """AP of detections of `classes` classes 0 … `classes` − 1, by a `convention`; `update` takes one image at a time.

    `thresholds` on IoU and `most`, how many detections of an image and class are looked at, are the convention's unless
    given. What is kept is on the CPU: for each detection its score, its class and a byte for each threshold.

    Raises `ValueError` for another convention, fewer than one class, and thresholds that are not in (0, 1].
    """

    def __init__(
        self,
        classes: int,
        convention: Convention = "coco",
        thresholds: tuple[float, ...] | None = None,
        most: int | None = None,
    ) -> None:
        _check_convention(convention)
        coco = convention == "coco"
        thresholds = (COCO_THRESHOLDS if coco else (0.5,)) if thresholds is None else tuple(thresholds)
        if classes < 1 or not thresholds or not all(0 < each <= 1 for each in thresholds):
            raise ValueError(
                f"AP needs classes from 1 and thresholds above 0 and at most 1, not {classes} and {thresholds}."
            )
        self.classes, self.convention, self.thresholds = classes, convention, thresholds
        self.most = 100 if coco and most is None else most
        self.objects = torch.zeros(classes, dtype=torch.int64, device="cpu")
        self._scores = [torch.zeros(0, dtype=torch.float64, device="cpu")]
        self._kinds = [torch.zeros(0, dtype=torch.int64, device="cpu")]
        self._states = [torch.zeros(len(thresholds), 0, dtype=torch.int8, device="cpu")]

    def update(self, found: Detections, truth: Objects) -> None:
        """Take in the detections and the true objects of one more image, on the same device.

        Raises `ValueError` for a class that is not one of them.
        """
        for each in (found.classes, truth.classes):
            if len(each) and not (int(each.min()) >= 0 and int(each.max()) < self.classes):
                raise ValueError(
                    f"There are classes {int(each.min())} to {int(each.max())} in an image, "
                    f"but AP was asked for 0 to {self.classes - 1}."
                )
        scores = found.scores.double().cpu()
        order = scores.argsort(descending=True, stable=True)
        kinds = found.classes.cpu()[order]
        if self.most is not None:
            rank = (kinds[:, None] == kinds).tril(-1).sum(1)
            order, kinds = order[rank < self.most], kinds[rank < self.most]
        self.objects += truth.classes[~truth.ignored].cpu().long().bincount(minlength=self.classes)
        self._scores.append(scores[order])
        self._kinds.append(kinds.long())
        here = order.to(found.boxes.device)
        ordered = Detections(found.boxes[here], found.classes[here], found.scores[here])
        self._states.append(matched(ordered, truth, self.thresholds, self.convention))

    def curves(self, kind: int) -> tuple[Tensor, Tensor]:
        """Return precision and recall of a class after each of its D detections: (T, D) each, float64.

        There is a row for each of the T thresholds. Before the first that counts precision is 0; recall is NaN for a
        class without objects. Raises `ValueError` for a class that is not one of them.
        """
        if not 0 <= kind < self.classes:
            raise ValueError(f"There are classes 0 to {self.classes - 1}, and no {kind}.")
        of_class = torch.cat(self._kinds) == kind
        order = torch.cat(self._scores)[of_class].argsort(descending=True, stable=True)
        state = torch.cat(self._states, 1)[:, of_class][:, order]
        right, wrong = ((state == which).cumsum(1).double() for which in (RIGHT, WRONG))
        return right / (right + wrong).clamp(min=1), right / self.objects[kind].double()

    def per_class(self) -> Tensor:
        """Return AP at each threshold and of each class: (T, K) float64, NaN for a class without objects."""
        each = [average_precision(*self.curves(kind), self.convention) for kind in range(self.classes)]
        return torch.stack(each, 1).where(self.objects > 0, torch.nan)

    def mean(self) -> Tensor:
        """Return mean AP: over the classes that have objects, and the thresholds; () float64, NaN without objects."""
        return self.per_class().nanmean()


def average_precision(precision: Tensor, recall: Tensor, convention: Convention = "coco") -> Tensor:
    """Return the average of precision over recall, both (…, D) after each of D detections: (…), float64.

    Recall must not fall along the last axis. No detections give 0; where recall is NaN, as without objects, so is AP.

    Raises `ValueError` for different shapes, and for another convention.
    """
    _check_convention(convention)
    if precision.shape != recall.shape:
        raise ValueError(
            f"Precision {tuple(precision.shape)} and recall {tuple(recall.shape)} need one value for each detection."
        )
    # One more detection, at a recall that none reaches, has the precision of what is not reached.
    nothing = precision.new_zeros((*precision.shape[:-1], 1), dtype=torch.float64)
    known = torch.cat((precision.double(), nothing), -1)
    best = known.flip(-1).cummax(-1).values.flip(-1)
    recall = recall.double().contiguous()
    if convention == "voc2010":
        steps = recall.diff(dim=-1, prepend=nothing)
        return (steps * best[..., :-1]).sum(-1)
    points = 11 if convention == "voc2007" else 101
    at = torch.arange(points, device=recall.device, dtype=torch.float64) / (points - 1)
    first = torch.searchsorted(recall, at.expand(*recall.shape[:-1], points).contiguous())
    return best.gather(-1, first).mean(-1).where(~recall.isnan().any(-1), torch.nan)


def matched(found: Detections, truth: Objects, thresholds: tuple[float, ...], convention: Convention) -> Tensor:
    """Return what each detection of an image is at each threshold: (T, D) int8, on the CPU.

    `RIGHT`, 1, where it found an object that counts; `NOT_COUNTED`, −1, where it found one that is ignored, and
    `WRONG`, 0, otherwise. Detections come by falling score, all classes together; the module says how they are
    matched. Of objects with the same IoU the first is taken, with "coco" the last, as their authors' programs do.
    """
    _check_convention(convention)
    boxes, objects = found.boxes.double(), truth.boxes.double()
    overlap = pairwise_iou(boxes, objects)
    if convention == "coco":
        overlap = torch.where(truth.crowd, pairwise_share_inside(boxes, objects), overlap)
    overlap = overlap.masked_fill(found.classes[:, None] != truth.classes, -1).cpu()
    ignored, crowd = truth.ignored.cpu(), truth.crowd.cpu()
    state = torch.full((len(thresholds), len(found)), WRONG, dtype=torch.int8, device="cpu")
    if not len(truth):
        return state
    rows = torch.arange(len(thresholds), device="cpu")
    least = torch.tensor(thresholds, dtype=torch.float64, device="cpu")[:, None]
    free = torch.ones(len(thresholds), len(truth), dtype=torch.bool, device="cpu")
    # One by one, as what a detection finds depends on those before it; on the CPU, where small steps are cheap.
    for number, row in enumerate(overlap):
        enough = row >= least
        if convention == "coco":
            allowed = enough & (free | crowd)
            counted = allowed & ~ignored
            allowed = torch.where(counted.any(1, keepdim=True), counted, allowed)
            best = len(row) - 1 - row.where(allowed, -2).flip(1).argmax(1)
        else:
            allowed = enough
            best = row.argmax().expand(len(thresholds))
        hit = allowed[rows, best]
        good = hit & free[rows, best]
        state[good, number] = RIGHT
        state[hit & ignored[best], number] = NOT_COUNTED
        free[rows[hit], best[hit]] = False
    return state


def _check_convention(convention: str) -> None:
    if convention not in get_args(Convention):
        raise ValueError(
            f"{convention!r} is no convention of average precision: use {', '.join(get_args(Convention))}."
        )
