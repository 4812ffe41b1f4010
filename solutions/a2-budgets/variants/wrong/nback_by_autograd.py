"""Lets autograd go back through the formula."""

import torch

FAILS = {"batch_norm_backward": "forbidden"}
HINT = "You probably let autograd find the gradients: here you do its work."


def batch_norm_backward(grad_out, x, gamma, eps=1e-5):
    if grad_out.shape != x.shape or gamma.shape != (x.shape[1],) or x[:, 0].numel() < 2:
        raise ValueError("the shapes do not fit together")
    x, gamma = x.detach().clone().requires_grad_(), gamma.detach().clone().requires_grad_()
    centred = x - x.mean((0, 2, 3), keepdim=True)
    y = centred / ((centred**2).mean((0, 2, 3), keepdim=True) + eps).sqrt() * gamma[:, None, None]
    grad_x, grad_gamma = torch.autograd.grad(y, (x, gamma), grad_out)
    return grad_x, grad_gamma, grad_out.sum((0, 2, 3))
