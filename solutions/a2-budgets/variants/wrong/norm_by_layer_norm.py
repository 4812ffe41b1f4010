"""Exchanges images and channels and lets layer normalisation do the work."""

import torch
import torch.nn.functional as F

FAILS = {"batch_norm": "forbidden"}
HINT = "You probably called another normalisation layer of PyTorch: with the axes exchanged it is the same one."


def batch_norm(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    channels = (x.shape[1],)
    count = x.shape[0] * x.shape[2] * x.shape[3]
    if not gamma.shape == beta.shape == running_mean.shape == running_var.shape == channels:
        raise ValueError("there should be one number for each channel")
    if training and count < 2:
        raise ValueError("there should be at least two values in each channel")
    dtype, x = x.dtype, x.to(gamma.dtype)
    mean, var = running_mean, running_var
    if training:
        rows = x.transpose(0, 1).reshape(x.shape[1], -1)
        done = F.layer_norm(rows, rows.shape[1:], eps=eps).view(x.shape[1], len(x), *x.shape[2:]).transpose(0, 1)
        var, mean = torch.var_mean(rows, 1, unbiased=False)
        unbiased = var * count / (count - 1)
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var = (1 - momentum) * running_var + momentum * unbiased
    normalised = done if training else (x - mean[:, None, None]) / (var + eps).sqrt()[:, None, None]
    y = normalised * gamma[:, None, None] + beta[:, None, None]
    return y.to(dtype), running_mean, running_var
