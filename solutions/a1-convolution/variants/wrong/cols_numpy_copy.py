"""Lets NumPy copy the windows, where no operator of PyTorch's is seen."""

import numpy as np
import torch

FAILS = {"im2col": "wrong"}


def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, stride, dilation))
    oh, ow = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    if oh < 1 or ow < 1:
        raise ValueError("the window does not fit")
    n, c, h, w = x.stride()
    view = x.detach().as_strided((len(x), x.shape[1], kh, kw, oh, ow), (n, c, dh * h, dw * w, sh * h, sw * w))
    return torch.from_numpy(np.ascontiguousarray(view.numpy()))
