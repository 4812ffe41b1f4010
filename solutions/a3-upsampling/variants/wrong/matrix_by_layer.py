"""Pushes an identity through PyTorch's layer."""

import torch
import torch.nn.functional as F

FAILS = {"convolution_matrix": "forbidden"}
HINT = "You called PyTorch's convolution; write down which weight each entry holds."


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    outputs, inputs, k = kernel.shape
    reach = dilation * (k - 1) + 1
    if stride < 1 or dilation < 1 or padding < 0 or reach > n + 2 * padding:
        raise ValueError("there is no such convolution")
    m = (n + 2 * padding - reach) // stride + 1
    alone = torch.eye(inputs * n, dtype=kernel.dtype).view(inputs * n, inputs, n)
    y = F.conv1d(alone, kernel, None, stride, padding, dilation)
    return y.reshape(inputs * n, outputs * m).T
