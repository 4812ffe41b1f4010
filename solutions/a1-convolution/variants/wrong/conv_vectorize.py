"""`np.vectorize` over the output pixels, which is a loop with a fast-sounding name."""

import numpy as np
import torch
import torch.nn.functional as F

FAILS = {"conv2d": "loops"}


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    (sh, sw), (ph, pw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding, dilation))
    rows, columns = dh * (w.shape[2] - 1) + 1, dw * (w.shape[3] - 1) + 1
    if x.shape[1] != w.shape[1] or rows > x.shape[2] + 2 * ph or columns > x.shape[3] + 2 * pw:
        raise ValueError("image and kernel do not fit together")
    padded = F.pad(x, (pw, pw, ph, ph))
    oh, ow = (padded.shape[2] - rows) // sh + 1, (padded.shape[3] - columns) // sw + 1
    pixels = []

    def pixel(top, left):
        seen = padded[:, :, top : top + rows : dh, left : left + columns : dw]
        pixels.append(torch.einsum("ncij,ocij->no", seen, w))
        return 0

    np.vectorize(pixel, otypes=[int])(np.arange(oh)[:, None] * sh, np.arange(ow) * sw)
    y = torch.stack(pixels, -1).unflatten(-1, (oh, ow))
    return y if b is None else y + b[:, None, None]
