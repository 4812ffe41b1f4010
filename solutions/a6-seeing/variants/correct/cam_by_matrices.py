"""Grad-CAM as one product of matrices, with the interpolation as two more."""

import torch

SOLVES = ("grad_cam",)


def interpolation(n, m, dtype):
    """The matrix (m, n) that interpolates linearly, by where the centres of pixels lie."""
    place = ((torch.arange(m, dtype=dtype) + 0.5) * n / m - 0.5).clamp(0, n - 1)
    return (1 - (place[:, None] - torch.arange(n, dtype=dtype)).abs()).clamp(min=0)


def grad_cam(activations, gradients, size):
    rows, columns = (size, size) if isinstance(size, int) else size
    if min(rows, columns) < 1:
        raise ValueError("size")
    if activations.dim() != 4 or gradients.dim() != 5:
        raise ValueError("axes")
    images, channels, h, w = activations.shape
    if tuple(gradients.shape) != (images, gradients.shape[1], channels, h, w):
        raise ValueError("shapes")
    kind = torch.float64
    weights = gradients.to(kind).flatten(3).mean(-1)
    coarse = torch.bmm(weights, activations.to(kind).flatten(2)).clamp_min(0).unflatten(2, (h, w))
    fine = interpolation(h, rows, kind) @ coarse @ interpolation(w, columns, kind).T
    top = fine.flatten(2).max(2).values[..., None, None]
    fine = torch.where(top > 0, fine / top, torch.zeros((), dtype=kind))
    return weights.to(activations.dtype), fine.to(activations.dtype)
