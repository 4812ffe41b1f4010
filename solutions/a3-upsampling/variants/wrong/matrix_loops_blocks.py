"""Fills one block after the other."""

import torch

FAILS = {"convolution_matrix": "loops"}
HINT = "You probably go through pairs of channels; indexing the kernel's last axis takes all of them along."


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    _outputs, _inputs, k = kernel.shape
    reach = dilation * (k - 1) + 1
    if stride < 1 or dilation < 1 or padding < 0 or reach > n + 2 * padding:
        raise ValueError("there is no such convolution")
    m = (n + 2 * padding - reach) // stride + 1
    distance = torch.arange(n) + padding - stride * torch.arange(m)[:, None]
    holds = (distance >= 0) & (distance < reach) & (distance % dilation == 0)
    taps = (distance // dilation).clamp(0, k - 1)
    blocks = [[torch.where(holds, w[taps], 0) for w in ws] for ws in kernel]
    return torch.cat([torch.cat(row, 1) for row in blocks], 0)
