"""One helper for each number, and a class of one's own for the scores of sets."""

import torch

SOLVES = ("accuracies", "iou")


def pixel(n):
    return n.diagonal(dim1=-2, dim2=-1).sum(-1) / n.flatten(-2).sum(-1)


def by_class(n):
    true = n.sum(dim=-1, keepdim=True)
    shares = torch.diagonal(n / true, dim1=-2, dim2=-1)
    return torch.nanmean(shares, dim=-1)


def constant(n):
    return (n.sum(-1) / n.sum((-1, -2)).unsqueeze(-1)).amax(-1)


def accuracies(matrix):
    n = matrix.double()
    return pixel(n), by_class(n), constant(n)


class Sets:
    def __init__(self, n):
        self.both = n.diagonal(dim1=-2, dim2=-1)
        self.missed = n.sum(-1) - self.both
        self.invented = n.sum(-2) - self.both

    @property
    def scores(self):
        return self.both / (self.both + self.missed + self.invented)

    def mean(self, absent):
        scores = self.scores
        match absent:
            case "skip":
                pass
            case "truth":
                scores = torch.where(self.both + self.missed == 0, torch.nan, scores)
            case "zero":
                scores = torch.where(scores.isnan(), 0.0, scores)
            case "one":
                scores = torch.where(scores.isnan(), 1.0, scores)
            case _:
                raise ValueError("absent is none of the four rules")
        return scores.nanmean(-1)


def iou(matrices, absent="skip", per_image=False):
    sets = Sets(matrices.double() if per_image else matrices.sum(0).double())
    return sets.scores, sets.mean(absent).nanmean()
