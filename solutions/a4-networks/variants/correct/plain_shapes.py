"""Views and broadcasts, with the row undone by `unflatten`."""

import torch
import torch.nn.functional as F

SOLVES = ("convolutionalise", "fcn8s", "dilated_conv2d")


def convolutionalise(weight, bias, window, mean=None, std=None, order="chw"):
    h, w = window if isinstance(window, tuple) else (window, window)
    outputs, row = weight.size()
    channels, rest = divmod(row, h * w)
    if rest or order not in {"chw", "hwc"}:
        raise ValueError("the row does not fit")
    if bias is not None and list(bias.shape) != [outputs]:
        raise ValueError("bias")
    if any(v is not None and list(v.shape) != [channels] for v in (mean, std)):
        raise ValueError("a number for each channel")
    if order == "hwc":
        kernel = weight.unflatten(1, (h, w, channels)).movedim(3, 1)
    else:
        kernel = weight.unflatten(1, (channels, h, w))
    scale = torch.ones(channels, dtype=weight.dtype) if std is None else std
    shift = torch.zeros(channels, dtype=weight.dtype) if mean is None else mean
    kernel = kernel / scale.view(1, -1, 1, 1)
    bias = torch.zeros(outputs, dtype=weight.dtype) if bias is None else bias
    return kernel, bias - kernel.sum((2, 3)) @ shift


def overlap(up, skip, axis, offset):
    """The stretch of both maps along one axis on which they lie on each other."""
    start_up, start_skip = max(-offset, 0), max(offset, 0)
    length = min(up.shape[axis] - start_up, skip.shape[axis] - start_skip)
    if length <= 0:
        raise ValueError(f"nothing in common along axis {axis}")
    return up.narrow(axis, start_up, length), skip.narrow(axis, start_skip, length)


def fcn8s(s32, s16, s8, kernels, size, offsets=(5, 9, -31)):
    if len({tuple(s.shape[:2]) for s in (s32, s16, s8)}) > 1:
        raise ValueError("the maps are of other images or classes")
    (r16, c16), (r8, c8), (r, c) = ((o, o) if isinstance(o, int) else o for o in offsets)
    up, skip = overlap(F.conv_transpose2d(s32, kernels[0], stride=2), s16, 2, r16)
    up, skip = overlap(up, skip, 3, c16)
    up, skip = overlap(F.conv_transpose2d(up.add(skip), kernels[1], stride=2), s8, 2, r8)
    up, skip = overlap(up, skip, 3, c8)
    up = F.conv_transpose2d(up.add(skip), kernels[2], stride=8)
    height, width = size
    if r > 0 or c > 0 or up.shape[2] < height - r or up.shape[3] < width - c:
        raise ValueError("a pixel has no score")
    return up.narrow(2, -r, height).narrow(3, -c, width)


def dilated_conv2d(x, w, dilations=1):
    """Zeros around the image first, as many as the farthest weight needs, and then indices that are all inside."""
    outputs, channels, kh, kw = w.shape
    if isinstance(dilations, int):
        dilations = (dilations, dilations)
    if isinstance(dilations, tuple):
        dilations = torch.tensor([dilations] * 1).repeat(outputs, 1)
    if x.size(1) != channels or dilations.dim() != 2 or list(dilations.shape) != [outputs, 2]:
        raise ValueError("shapes disagree")
    if outputs and int(dilations.min()) < 1:
        raise ValueError("dilation")
    height, width = x.shape[-2:]
    # No weight need reach further than one row beyond the image: all that is further away is zero like that one.
    i = torch.arange(height)[None, None, :] + dilations[:, 0, None, None] * torch.arange(kh)[None, :, None]
    j = torch.arange(width)[None, None, :] + dilations[:, 1, None, None] * torch.arange(kw)[None, :, None]
    i = i - torch.div(dilations[:, 0] * (kh - 1), 2, rounding_mode="floor")[:, None, None]
    j = j - torch.div(dilations[:, 1] * (kw - 1), 2, rounding_mode="floor")[:, None, None]
    padded = F.pad(x, (1, 1, 1, 1))
    i, j = (i + 1).clamp(0, height + 1), (j + 1).clamp(0, width + 1)
    seen = padded[:, :, i.view(outputs, kh, 1, height, 1), j.view(outputs, 1, kw, 1, width)]
    return (seen * w.transpose(0, 1)[:, :, :, :, None, None]).sum((1, 3, 4))
