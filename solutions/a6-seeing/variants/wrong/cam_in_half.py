"""Adds channels up in float16."""

import torch
import torch.nn.functional as F

FAILS = {"grad_cam": "wrong"}
HINT = "In float16 a sum over channels may be infinite: in which dtype do you add up?"


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def grad_cam(activations, gradients, size):
    height, width = pair(size)
    if activations.ndim != 4 or gradients.ndim != 5:
        raise ValueError("activations have four axes, and gradients five")
    if (gradients.shape[0], *gradients.shape[2:]) != activations.shape:
        raise ValueError(f"gradients {tuple(gradients.shape)} are not those of activations {tuple(activations.shape)}")
    if height < 1 or width < 1:
        raise ValueError(f"a map of {height}×{width} pixels cannot be made")
    wide = activations.dtype
    weights = gradients.to(wide).mean((3, 4))
    coarse = torch.einsum("nkc,nchw->nkhw", weights, activations.to(wide)).relu()
    maps = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    largest = maps.amax((2, 3), keepdim=True)
    maps = maps / largest.where(largest > 0, 1)
    return weights.to(activations.dtype), maps.to(activations.dtype)
