"""A comprehension over the planes of the batch."""

import torch
import torch.nn.functional as F

FAILS = {"max_pool2d": "loops"}


def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, padding))
    sh, sw = (kh, kw) if stride is None else stride if isinstance(stride, tuple) else (stride, stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or kh > h + 2 * ph or kw > w + 2 * pw:
        raise ValueError("kernel, padding and image do not fit together")

    def plane(p):
        windows = F.pad(p, (pw, pw, ph, ph), value=-torch.inf).unfold(0, kh, sh).unfold(1, kw, sw).flatten(-2)
        values, place = windows.max(-1)
        row = (torch.arange(values.shape[0])[:, None] * sh - ph + place // kw).clamp(min=0)
        column = (torch.arange(values.shape[1]) * sw - pw + place % kw).clamp(min=0)
        return values, row * w + column

    results = [plane(p) for p in x.flatten(0, 1)]
    if not results:
        values, indices = plane(x.new_zeros(h, w))
        return values.expand(*x.shape[:2], *values.shape), indices.expand(*x.shape[:2], *indices.shape)
    values, indices = zip(*results, strict=True)
    return torch.stack(values).unflatten(0, x.shape[:2]), torch.stack(indices).unflatten(0, x.shape[:2])
