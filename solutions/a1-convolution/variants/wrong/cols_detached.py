"""A view through NumPy: it shares the memory, but no gradient finds its way back."""

import torch
from numpy.lib.stride_tricks import sliding_window_view

FAILS = {"im2col": "wrong"}


def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, stride, dilation))
    oh, ow = (x.shape[2] - dh * (kh - 1) - 1) // sh + 1, (x.shape[3] - dw * (kw - 1) - 1) // sw + 1
    if oh < 1 or ow < 1:
        raise ValueError("the window does not fit")
    windows = sliding_window_view(
        x.detach().numpy(), (dh * (kh - 1) + 1, dw * (kw - 1) + 1), axis=(2, 3), writeable=True
    )
    windows = windows[:, :, ::sh, ::sw, ::dh, ::dw]
    return torch.from_numpy(windows.transpose(0, 1, 4, 5, 2, 3))
