"""Takes two steps at once."""

import torch

FAILS = {"mean_field_step": "wrong"}
HINT = "Your function may take more than one step."


def mean_field_step(unary, image, q, appearance=(1.0, 3.0, 0.5), smoothness=(1.0, 1.0), compatibility=None):
    (strong, alpha, beta), (smooth, gamma) = appearance, smoothness
    if min(alpha, beta, gamma) <= 0:
        raise ValueError(f"widths should be positive, not {alpha}, {beta} and {gamma}")
    if unary.ndim != 4 or image.ndim != 4 or unary.shape != q.shape:
        raise ValueError(f"unary {tuple(unary.shape)}, image {tuple(image.shape)} and q {tuple(q.shape)} do not fit")
    if (image.shape[0], *image.shape[2:]) != (unary.shape[0], *unary.shape[2:]):
        raise ValueError(f"an image {tuple(image.shape)} does not belong to energies {tuple(unary.shape)}")
    classes, height, width = unary.shape[1:]
    wide = torch.promote_types(unary.dtype, torch.float32)
    potts = 1 - torch.eye(classes, dtype=wide)
    prices = potts if compatibility is None else compatibility.to(wide)
    if prices.shape != (classes, classes):
        raise ValueError(f"compatibility has shape {tuple(prices.shape)}, and there are {classes} classes")

    places = torch.cartesian_prod(torch.arange(height), torch.arange(width)).to(wide)
    colours = image.to(wide).flatten(2).mT
    apart = (places[:, None] - places).square().sum(2)
    unlike = (colours[:, :, None] - colours[:, None]).square().sum(3)
    kernel = strong * torch.exp(-apart / (2 * alpha**2) - unlike / (2 * beta**2))
    kernel = kernel + smooth * torch.exp(-apart / (2 * gamma**2))
    kernel = kernel * (1 - torch.eye(height * width, dtype=wide))
    messages = torch.einsum("nij,nlj->nli", kernel, q.to(wide).flatten(2))
    energy = unary.to(wide).flatten(2) + torch.einsum("kl,nli->nki", prices, messages)
    messages = torch.einsum("nij,nlj->nli", kernel, torch.softmax(-energy, 1))
    energy = unary.to(wide).flatten(2) + torch.einsum("kl,nli->nki", prices, messages)
    return torch.softmax(-energy, 1).unflatten(2, (height, width)).to(unary.dtype)
