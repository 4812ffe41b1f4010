"""The generalised eigenproblem by a Cholesky factor, and Ncut as 2 less the associations."""

import torch

SOLVES = ("normalised_cut",)


class Graphs:
    def __init__(self, affinity):
        if affinity.ndim != 3 or affinity.shape[1] != affinity.shape[2]:
            raise ValueError("square matrices")
        if affinity.shape[1] < 2:
            raise ValueError("two vertices")
        self.w = affinity.type(torch.float64)
        if not ((self.w >= 0) & (self.w < torch.inf)).all() or (self.w - self.w.mT).count_nonzero():
            raise ValueError("affinities")
        self.d = self.w.sum(-1)
        if self.d.numel() and self.d.min() == 0:
            raise ValueError("a lonely vertex")

    def order(self):
        factor = torch.diag_embed(self.d.sqrt())
        inverse = torch.linalg.inv(factor)
        vectors = torch.linalg.eigh(inverse @ (torch.diag_embed(self.d) - self.w) @ inverse.mT).eigenvectors
        return (inverse.mT @ vectors)[:, :, 1].argsort(dim=1, descending=True)

    def divided(self):
        order = self.order()
        n = self.w.shape[1]
        taken = torch.take_along_dim(torch.take_along_dim(self.w, order[:, :, None], 1), order[:, None], 2)
        before = torch.ones(n, n, dtype=torch.float64).tril()[:-1]
        cut = torch.einsum("ti,nij,tj->nt", before, taken, 1 - before)
        sizes = torch.take_along_dim(self.d, order, 1)
        cost = cut / (sizes @ before.T) + cut / (sizes @ (1 - before).T)
        best = cost.min(1)
        rank = torch.empty_like(order).scatter_(1, order, torch.arange(n).expand_as(order))
        return rank <= best.indices[:, None], best.values


def normalised_cut(affinity):
    parts, cost = Graphs(affinity).divided()
    return torch.where(parts[:, :1], ~parts, parts), cost.to(affinity.dtype)
