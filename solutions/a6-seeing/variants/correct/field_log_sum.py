"""Normalises by the logarithm of a sum of exponentials."""

import torch
import torch.nn.functional as F

SOLVES = ("mean_field_step",)


def check_all(unary, image, q, widths, prices):
    if any(width <= 0 for width in widths):
        raise ValueError("a width")
    shapes = [t.shape for t in (unary, image, q)]
    if any(len(shape) != 4 for shape in shapes) or shapes[0] != shapes[2]:
        raise ValueError("a shape")
    if torch.Size([*shapes[1][:1], *shapes[1][2:]]) != torch.Size([*shapes[0][:1], *shapes[0][2:]]):
        raise ValueError("the image's shape")
    if prices is not None and list(prices.shape) != [shapes[0][1]] * 2:
        raise ValueError("the prices' shape")


def mean_field_step(unary, image, q, appearance=(1.0, 3.0, 0.5), smoothness=(1.0, 1.0), compatibility=None):
    check_all(unary, image, q, [*appearance[1:], smoothness[1]], compatibility)
    as_it_was, size = unary.dtype, unary.shape
    unary, image, q = (t.double().flatten(2) for t in (unary, image, q))
    number = torch.arange(size[2] * size[3])
    where = torch.stack([number.div(size[3], rounding_mode="floor"), number.remainder(size[3])]).double()
    far = (where[:, :, None] - where[:, None, :]).square().sum(0)
    other = (image[:, :, :, None] - image[:, :, None, :]).square().sum(1)
    first = appearance[0] * (-0.5 * (far / appearance[1] ** 2 + other / appearance[2] ** 2)).exp()
    second = smoothness[0] * (-0.5 * far / smoothness[1] ** 2).exp()
    kernel = (first + second).masked_fill(number[:, None] == number, 0)
    if compatibility is None:
        compatibility = torch.ones(size[1], size[1]) - F.one_hot(torch.arange(size[1]))
    energy = unary + compatibility.double() @ (q @ kernel)
    return (-energy - torch.logsumexp(-energy, 1, keepdim=True)).exp().unflatten(2, size[2:]).to(as_it_was)
