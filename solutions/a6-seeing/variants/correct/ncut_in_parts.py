"""A function for each step, with the quadratic form of the Laplacian for the cut."""

import torch

SOLVES = ("normalised_cut",)


def check_affinities(w):
    if w.ndim != 3 or w.shape[-1] != w.shape[-2] or w.shape[-1] in (0, 1):
        raise ValueError("not (N, n, n)")
    good = torch.isfinite(w) & ~(w < 0) & torch.eq(w, w.transpose(1, 2))
    if not bool(good.all()) or not bool((w.amax(2) > 0).all()):
        raise ValueError("not affinities")


def second_vector(w, degree):
    scale = degree.pow(-0.5)
    laplacian = torch.diag_embed(torch.ones_like(degree)) - scale.unsqueeze(2) * w * scale.unsqueeze(1)
    return torch.linalg.eigh(laplacian)[1].select(2, 1) * scale


def divisions(y):
    """One row of zeros and ones for each division: ones for the vertices that come before the t-th."""
    place = (y.unsqueeze(1) < y.unsqueeze(2)).sum(2)
    return (place.unsqueeze(1) < torch.arange(1, y.shape[1]).unsqueeze(1)).double()


def normalised_cut(affinity):
    w = affinity.double()
    check_affinities(w)
    degree = w.sum(1)
    ones = divisions(second_vector(w, degree))
    volume = (ones * degree.unsqueeze(1)).sum(2)
    other = ((1 - ones) * degree.unsqueeze(1)).sum(2)
    cut = ((ones @ w) * (1 - ones)).sum(2)
    cost = cut / volume + cut / other
    best = cost.argmin(1)
    chosen = ones[torch.arange(len(ones)), best] > 0.5
    return chosen ^ chosen[:, [0]], cost.amin(1).to(affinity.dtype)
