"""Counts samples in the dtype of the kernel."""

import torch

FAILS = {"convolution_matrix": "wrong"}
HINT = "You probably count samples in the kernel's dtype; think about how far float16 can count."


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    outputs, inputs, k = kernel.shape
    reach = dilation * (k - 1) + 1
    if stride < 1 or dilation < 1 or padding < 0 or reach > n + 2 * padding:
        raise ValueError("there is no such convolution")
    m = (n + 2 * padding - reach) // stride + 1
    distance = torch.arange(n).to(kernel.dtype) + padding - stride * torch.arange(m)[:, None].to(kernel.dtype)
    holds = (distance >= 0) & (distance < reach) & (distance % dilation == 0)
    taps = (distance // dilation).clamp(0, k - 1).long()
    blocks = torch.where(holds, kernel[:, :, taps], 0)
    return blocks.transpose(1, 2).reshape(outputs * m, inputs * n)
