"""Takes all pixels near an outline of the truth for both maps."""

import torch
import torch.nn.functional as F

FAILS = {"boundary_iou": "wrong"}
HINT = "Each map has its own outlines: look at which of them decides where the prediction is looked at."


def boundary_iou(prediction, truth, classes, width):
    if prediction.shape != truth.shape:
        raise ValueError(f"the prediction has shape {tuple(prediction.shape)} and the truth {tuple(truth.shape)}")
    if prediction.is_floating_point() or truth.is_floating_point():
        raise ValueError("labels are integers; take the argmax of scores first")
    if width < 1:
        raise ValueError(f"a boundary region is at least one pixel wide, not {width}")
    prediction, truth = prediction.long(), truth.long()
    for labels in (prediction, truth):
        if labels.numel() and (labels.min() < 0 or labels.max() >= classes):
            raise ValueError(f"a label is outside 0 to {classes - 1}")
    reach = min(width, max(truth.shape[1:]))

    def largest(values: torch.Tensor) -> torch.Tensor:
        columns = F.max_pool2d(values[:, None], (2 * reach + 1, 1), 1, (reach, 0))
        return F.max_pool2d(columns, (1, 2 * reach + 1), 1, (0, reach))[:, 0]

    def region(labels: torch.Tensor) -> torch.Tensor:
        values = labels.double()
        return (largest(values) > values) | (largest(-values) > -values)

    near_true, near_predicted = region(truth), region(truth)
    true = truth[near_true].bincount(minlength=classes).double()
    predicted = prediction[near_predicted].bincount(minlength=classes).double()
    both = truth[near_true & near_predicted & (truth == prediction)].bincount(minlength=classes).double()
    return both / (true + predicted - both)
