"""Compares the kernel with the signal without its dilation."""

import torch

FAILS = {"convolution_matrix": "wrong"}
HINT = "You probably forgot dilation when you checked whether the kernel fits."


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    outputs, inputs, k = kernel.shape
    reach = dilation * (k - 1) + 1
    if stride < 1 or dilation < 1 or padding < 0 or k > n + 2 * padding:
        raise ValueError("there is no such convolution")
    m = (n + 2 * padding - reach) // stride + 1
    distance = torch.arange(n) + padding - stride * torch.arange(m)[:, None]
    holds = (distance >= 0) & (distance < reach) & (distance % dilation == 0)
    taps = (distance // dilation).clamp(0, k - 1)
    blocks = torch.where(holds, kernel[:, :, taps], 0)
    return blocks.transpose(1, 2).reshape(outputs * m, inputs * n)
