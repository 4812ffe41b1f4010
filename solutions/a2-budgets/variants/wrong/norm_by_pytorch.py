"""Calls PyTorch's own layer."""

import torch.nn.functional as F

FAILS = {"batch_norm": "forbidden"}
HINT = "You probably called PyTorch's own batch normalisation: write the formula."


def batch_norm(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    channels, count = (x.shape[1],), x.shape[0] * x.shape[2] * x.shape[3]
    if not gamma.shape == beta.shape == running_mean.shape == running_var.shape == channels:
        raise ValueError("the shapes do not fit")
    if training and count < 2:
        raise ValueError("there should be at least two values in each channel")
    mean, var = running_mean.clone(), running_var.clone()
    y = F.batch_norm(x.to(gamma.dtype), mean, var, gamma, beta, training, momentum, eps)
    return y.to(x.dtype), mean, var
