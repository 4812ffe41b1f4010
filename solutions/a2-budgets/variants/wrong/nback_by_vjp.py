"""Asks `torch.func` for the product with the Jacobian."""

import torch

FAILS = {"batch_norm_backward": "forbidden"}
HINT = "You probably asked `torch.func` for the gradients: it runs autograd, whose work you do here."


def batch_norm_backward(grad_out, x, gamma, eps=1e-5):
    if grad_out.shape != x.shape or gamma.shape != (x.shape[1],) or x[:, 0].numel() < 2:
        raise ValueError("the shapes do not fit together")

    def layer(x, gamma):
        centred = x - x.mean((0, 2, 3), keepdim=True)
        return centred / ((centred**2).mean((0, 2, 3), keepdim=True) + eps).sqrt() * gamma[:, None, None]

    _, back = torch.func.vjp(layer, x, gamma)
    grad_x, grad_gamma = back(grad_out)
    return grad_x, grad_gamma, grad_out.sum((0, 2, 3))
