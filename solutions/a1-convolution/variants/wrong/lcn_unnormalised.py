"""Never divides by the sum of the weights."""

import torch
import torch.nn.functional as F

FAILS = {"local_contrast_norm": "wrong"}


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1 or window % 2 == 0 or sigma <= 0:
        raise ValueError("the window should be odd and sigma positive")
    r = window // 2
    bell = torch.exp(-((torch.arange(-r, r + 1, dtype=x.dtype) / sigma) ** 2) / 2)
    kernel = torch.outer(bell, bell)[None, None]

    def local_mean(m):
        m = m.mean(1, keepdim=True)
        return F.conv2d(m, kernel, padding=r)

    v = x - local_mean(x)
    deviation = local_mean(v**2).clamp(min=torch.finfo(x.dtype).tiny).sqrt()
    typical = deviation.mean((1, 2, 3), keepdim=True)
    return v / torch.maximum(deviation, typical).clamp(min=eps)
