"""Takes gradients of one image for all."""

import torch
import torch.nn.functional as F

FAILS = {"grad_cam": "wrong"}
HINT = "Gradients of another shape may be broadcast: compare all axes but that of the scores."


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def grad_cam(activations, gradients, size):
    height, width = pair(size)
    if activations.ndim != 4 or gradients.ndim != 5:
        raise ValueError("activations have four axes, and gradients five")
    if gradients.shape[2:] != activations.shape[1:] or gradients.shape[0] not in (1, len(activations)):
        raise ValueError(f"gradients {tuple(gradients.shape)} are not those of activations {tuple(activations.shape)}")
    if height < 1 or width < 1:
        raise ValueError(f"a map of {height}×{width} pixels cannot be made")
    wide = torch.promote_types(activations.dtype, torch.float32)
    weights = gradients.to(wide).mean((3, 4))
    coarse = torch.einsum("nkc,nchw->nkhw", weights.expand(len(activations), -1, -1), activations.to(wide)).relu()
    maps = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=False)
    largest = maps.amax((2, 3), keepdim=True)
    maps = maps / largest.where(largest > 0, 1)
    return weights.to(activations.dtype), maps.to(activations.dtype)
