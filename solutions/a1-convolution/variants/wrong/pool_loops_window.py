"""Keeps a running maximum over shifted images, one for each pixel of the window."""

import torch
import torch.nn.functional as F

FAILS = {"max_pool2d": "loops"}


def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, padding))
    sh, sw = (kh, kw) if stride is None else stride if isinstance(stride, tuple) else (stride, stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or kh > h + 2 * ph or kw > w + 2 * pw:
        raise ValueError("kernel, padding and image do not fit together")
    big = F.pad(x, (pw, pw, ph, ph), value=-torch.inf)
    number = F.pad(torch.arange(h * w).view(h, w), (pw, pw, ph, ph), value=h * w)
    oh, ow = (big.shape[2] - kh) // sh + 1, (big.shape[3] - kw) // sw + 1
    values = indices = None
    for i in range(kh):
        for j in range(kw):
            seen = big[:, :, i::sh, j::sw][:, :, :oh, :ow]
            at = number[i::sh, j::sw][:oh, :ow].expand(seen.shape)
            if values is None:
                values, indices = seen, at
            # A window that has seen nothing but padding takes the first pixel that it meets.
            indices = torch.where((seen > values) | (indices == h * w), at, indices)
            values = torch.maximum(seen, values)
    return values, indices
