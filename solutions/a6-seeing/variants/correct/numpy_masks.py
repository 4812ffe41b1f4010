"""Masks by NumPy, for the images and for the way back to the map."""

import numpy as np
import torch

SOLVES = ("occlude", "occlusion_map")


def mask(n, k, s):
    if min(k, s) < 1 or k > n or s > k:
        raise ValueError("no such square")
    first = np.unique(np.append(np.arange(0, n - k + 1, s), n - k))
    return (np.arange(n) >= first[:, None]) & (np.arange(n) < first[:, None] + k)


def masks(height, width, size, stride):
    size, stride = (np.broadcast_to(v, 2).tolist() for v in (size, stride))
    rows, columns = mask(height, size[0], stride[0]), mask(width, size[1], stride[1])
    return np.einsum("ui,vj->uvij", rows, columns).reshape(-1, height, width)


def occlude(x, size, stride=1, fill=0.0):
    square = masks(x.shape[2], x.shape[3], size, stride)[:, None]
    image = x.numpy()[:, None]
    if fill is None:
        fill = image.astype(np.float64).mean((3, 4), keepdims=True)
    elif isinstance(fill, torch.Tensor):
        if tuple(fill.shape) != (x.shape[1],):
            raise ValueError("a value for each channel")
        fill = fill.numpy()[:, None, None]
    return torch.from_numpy(np.where(square, np.asarray(fill, dtype=image.dtype), image))


def occlusion_map(base, scores, shape, size, stride=1):
    square = masks(*shape, size, stride).astype(np.float64)
    if base.ndim != 2 or tuple(scores.shape) != (len(base), len(square), base.shape[1]):
        raise ValueError("these scores do not belong to these squares")
    drops = base.numpy()[:, None].astype(np.float64) - scores.numpy()
    total = np.tensordot(drops, square, axes=(1, 0))  # images, scores, rows, columns
    return torch.from_numpy(total / square.sum(0)).to(base.dtype)
