"""Kernels as products of one-dimensional Gaussians, and the compatibility by another order of products."""

import torch

SOLVES = ("mean_field_step",)


def bell(differences, width):
    return torch.exp(-0.5 * (differences / width) ** 2)


def mean_field_step(unary, image, q, appearance=(1.0, 3.0, 0.5), smoothness=(1.0, 1.0), compatibility=None):
    if not all(width > 0 for width in (*appearance[1:], smoothness[1])):
        raise ValueError("width")
    if unary.dim() != 4 or image.dim() != 4 or list(q.shape) != list(unary.shape):
        raise ValueError("shape")
    n, k, h, w = unary.shape
    if [image.size(0), image.size(2), image.size(3)] != [n, h, w]:
        raise ValueError("image")
    kind = torch.float64
    mu = torch.ones(k, k, dtype=kind).fill_diagonal_(0.0) if compatibility is None else compatibility.to(kind)
    if tuple(mu.shape) != (k, k):
        raise ValueError("compatibility")
    y, x = torch.arange(h, dtype=kind), torch.arange(w, dtype=kind)
    y, x = y[:, None] - y, x[:, None] - x

    def near(width):
        return torch.kron(bell(y, width), bell(x, width))

    colour = image.to(kind).reshape(n, image.size(1), h * w)
    alike = bell(colour[..., :, None] - colour[..., None, :], appearance[2])
    alike = torch.exp(torch.log(alike.clamp(min=1e-300)).sum(1))
    kernel = appearance[0] * near(appearance[1]) * alike + smoothness[0] * near(smoothness[1])
    off = torch.ones_like(kernel[:1]) - torch.eye(h * w, dtype=kind)
    priced = torch.tensordot(mu, q.to(kind).reshape(n, k, h * w), ([1], [1])).transpose(0, 1)
    energy = unary.to(kind).reshape(n, k, h * w) + priced @ (kernel * off)
    return torch.softmax(energy.neg(), dim=1).reshape(n, k, h, w).to(unary.dtype)
