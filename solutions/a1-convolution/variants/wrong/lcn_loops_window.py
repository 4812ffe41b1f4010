"""Adds up shifted images, one for each weight of the Gaussian."""

import math

import torch
import torch.nn.functional as F

FAILS = {"local_contrast_norm": "loops"}


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1 or window % 2 == 0 or sigma <= 0:
        raise ValueError("the window should be odd and sigma positive")
    r = window // 2
    height, width = x.shape[2:]

    def blur(m):
        big, total = F.pad(m, (r, r, r, r)), 0
        for i in range(window):
            for j in range(window):
                weight = math.exp(-((i - r) ** 2 + (j - r) ** 2) / (2 * sigma**2))
                total = total + weight * big[:, :, i : i + height, j : j + width]
        return total

    share = blur(x.new_ones(1, 1, height, width))
    v = x - blur(x.mean(1, keepdim=True)) / share
    deviation = (blur((v**2).mean(1, keepdim=True)) / share).clamp(min=torch.finfo(x.dtype).tiny).sqrt()
    return v / torch.maximum(deviation, deviation.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
