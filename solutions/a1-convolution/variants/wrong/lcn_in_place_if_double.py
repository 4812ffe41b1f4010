"""Takes `x.double()` for a copy and changes it, which a float64 image is not."""

import torch
import torch.nn.functional as F

FAILS = {"local_contrast_norm": "wrong"}


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1 or window % 2 == 0 or sigma <= 0:
        raise ValueError("the window should be odd and sigma positive")
    dtype, x = x.dtype, x.detach().double() if not x.requires_grad else x.double()
    r = window // 2
    bell = torch.exp(-((torch.arange(-r, r + 1, dtype=x.dtype) / sigma) ** 2) / 2)
    kernel = torch.outer(bell, bell)[None, None]

    def local_mean(m):
        m = m.mean(1, keepdim=True)
        return F.conv2d(m, kernel, padding=r) / F.conv2d(torch.ones_like(m), kernel, padding=r)

    v = x - local_mean(x) if x.requires_grad else x.sub_(local_mean(x))
    deviation = local_mean(v**2).clamp(min=torch.finfo(x.dtype).tiny).sqrt()
    typical = deviation.mean((1, 2, 3), keepdim=True)
    return (v / torch.maximum(deviation, typical).clamp(min=eps)).to(dtype)
