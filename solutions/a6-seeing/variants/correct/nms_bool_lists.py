"""The overlaps at once, the greedy pass in plain Python over lists."""

import torch

SOLVES = ("nms",)


class Boxes:
    def __init__(self, boxes):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError("(B, 4)")
        self.x1, self.y1, self.x2, self.y2 = boxes.double().T
        self.sizes = self.x2 - self.x1, self.y2 - self.y1
        if any((size < 0).any() for size in self.sizes):
            raise ValueError("corners")

    def overlaps(self, threshold):
        wide = torch.minimum(self.x2[:, None], self.x2) - torch.maximum(self.x1[:, None], self.x1)
        high = torch.minimum(self.y2[:, None], self.y2) - torch.maximum(self.y1[:, None], self.y1)
        shared = wide.clamp_(min=0).mul_(high.clamp_(min=0))
        area = self.sizes[0] * self.sizes[1]
        return shared > threshold * (area[:, None] + area - shared)


def nms(boxes, scores, labels=None, threshold=0.5):
    if threshold != threshold or threshold < 0 or threshold > 1:
        raise ValueError("threshold")
    found = Boxes(boxes)
    if scores.shape != (len(boxes),) or (labels is not None and labels.shape != (len(boxes),)):
        raise ValueError("one score and one label for each box")
    removes = found.overlaps(threshold)
    if labels is not None:
        removes &= torch.eq(labels.unsqueeze(0), labels.unsqueeze(1))
    values = scores.tolist()
    gone, kept = torch.zeros(len(boxes), dtype=torch.bool), []
    for i in sorted(range(len(values)), key=lambda i: -values[i]):
        if not gone[i]:
            kept.append(i)
            gone |= removes[i]
    return torch.tensor(kept, dtype=torch.long)
