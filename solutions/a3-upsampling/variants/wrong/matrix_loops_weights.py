"""Fills one diagonal after the other."""

import torch

FAILS = {"convolution_matrix": "loops"}
HINT = (
    "You probably go through the weights one after the other; all entries can be asked at once which weight they hold."
)


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    outputs, inputs, k = kernel.shape
    reach = dilation * (k - 1) + 1
    if stride < 1 or dilation < 1 or padding < 0 or reach > n + 2 * padding:
        raise ValueError("there is no such convolution")
    m = (n + 2 * padding - reach) // stride + 1
    distance = torch.arange(n) + padding - stride * torch.arange(m)[:, None]
    blocks = kernel.new_zeros(outputs, inputs, m, n)
    for t in range(k):
        blocks = torch.where(distance == t * dilation, kernel[:, :, t, None, None], blocks)
    return blocks.transpose(1, 2).reshape(outputs * m, inputs * n)
