"""Interpolates by sampling at the pixels' centres."""

import torch
import torch.nn.functional as F

SOLVES = ("grad_cam",)


def centres(m, dtype):
    return (2 * torch.arange(m, dtype=dtype) + 1) / m - 1


def grad_cam(activations, gradients, size):
    size = [size] * 2 if isinstance(size, int) else list(size)
    if any(n <= 0 for n in size):
        raise ValueError("the size")
    if activations.ndim + 1 != 5 or gradients.ndim != 5:
        raise ValueError("the axes")
    if gradients.movedim(1, 0).shape[1:] != activations.shape:
        raise ValueError("the shapes")
    a, g = activations.double(), gradients.double()
    alpha = g.mean(-1).mean(-1)
    coarse = F.relu((alpha[:, :, :, None, None] * a[:, None]).sum(2))
    y, x = torch.meshgrid(centres(size[0], a.dtype), centres(size[1], a.dtype), indexing="ij")
    grid = torch.stack([x, y], -1).expand(len(a), *size, 2)
    fine = F.grid_sample(coarse, grid, mode="bilinear", padding_mode="border", align_corners=False)
    top = fine.amax(-1).amax(-1)[..., None, None]
    fine = fine / torch.where(top == 0, torch.ones_like(top), top)
    return alpha.to(activations.dtype), fine.to(activations.dtype)
