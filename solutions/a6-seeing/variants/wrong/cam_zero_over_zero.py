"""Divides zero by zero."""

import torch
import torch.nn.functional as F

FAILS = {"grad_cam": "wrong"}
HINT = "A map that is 0 everywhere is divided by its largest value: look at what comes out."


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
    wide = torch.promote_types(activations.dtype, torch.float32)
    weights = gradients.to(wide).mean((3, 4))
    coarse = torch.einsum("nkc,nchw->nkhw", weights, activations.to(wide)).relu()
    maps = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    largest = maps.amax((2, 3), keepdim=True)
    maps = maps / largest
    return weights.to(activations.dtype), maps.to(activations.dtype)
