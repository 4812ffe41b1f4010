"""Calls the operator that PyTorch itself goes back with."""

import torch

FAILS = {"batch_norm_backward": "forbidden"}
HINT = "You probably called PyTorch's own gradient of batch normalisation: write the formula."


def batch_norm_backward(grad_out, x, gamma, eps=1e-5):
    if grad_out.shape != x.shape or gamma.shape != (x.shape[1],) or x[:, 0].numel() < 2:
        raise ValueError("the shapes do not fit together")
    var, mean = torch.var_mean(x, (0, 2, 3), unbiased=False)
    return torch.ops.aten.native_batch_norm_backward(
        grad_out, x, gamma, None, None, mean, (var + eps).rsqrt(), True, eps, [True, True, True]
    )
