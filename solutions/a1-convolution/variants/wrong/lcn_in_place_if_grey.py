"""Subtracts the mean from the caller's own image where it has one channel."""

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
        return F.conv2d(m, kernel, padding=r) / F.conv2d(torch.ones_like(m), kernel, padding=r)

    mean = local_mean(x)
    v = x.detach().sub_(mean) if x.shape[1] == 1 and not x.requires_grad else x - mean
    deviation = local_mean(v**2).clamp(min=torch.finfo(x.dtype).tiny).sqrt()
    typical = deviation.mean((1, 2, 3), keepdim=True)
    return v / torch.maximum(deviation, typical).clamp(min=eps)
