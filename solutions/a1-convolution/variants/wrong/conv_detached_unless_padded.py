"""Works on a detached image where nothing is padded: only `F.pad` keeps the gradient."""

import torch
import torch.nn.functional as F

FAILS = {"conv2d": "wrong"}


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    (sh, sw), (ph, pw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding, dilation))
    rows, columns = dh * (w.shape[2] - 1) + 1, dw * (w.shape[3] - 1) + 1
    if x.shape[1] != w.shape[1] or rows > x.shape[2] + 2 * ph or columns > x.shape[3] + 2 * pw:
        raise ValueError("image and kernel do not fit together")
    padded = F.pad(x, (pw, pw, ph, ph)) if ph or pw else x.detach()
    windows = padded.unfold(2, rows, sh).unfold(3, columns, sw)[..., ::dh, ::dw]
    y = torch.einsum("nchwij,ocij->nohw", windows, w)
    return y if b is None else y + b[:, None, None]
