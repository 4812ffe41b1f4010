"""Keeps rows and columns as axes of their own: a kernel with four spatial axes."""

import torch

SOLVES = ("mean_field_step",)


def mean_field_step(unary, image, q, appearance=(1.0, 3.0, 0.5), smoothness=(1.0, 1.0), compatibility=None):
    wa, ta, tb = appearance
    ws, tg = smoothness
    if ta <= 0 or tb <= 0 or tg <= 0:
        raise ValueError(f"{ta} {tb} {tg}")
    if len({unary.ndim, image.ndim, q.ndim, 4}) > 1:
        raise ValueError("four axes")
    if unary.shape != q.shape or unary.shape[::2] != image.shape[::2] or unary.shape[3] != image.shape[3]:
        raise ValueError("shapes")
    _n, k, h, w = unary.shape
    mu = compatibility if compatibility is not None else ~torch.eye(k, dtype=torch.bool)
    if mu.shape != torch.Size((k, k)):
        raise ValueError("prices")
    kind = torch.promote_types(unary.dtype, torch.float32)
    x, old, mu = image.to(kind), q.to(kind), mu.to(kind)
    rows, columns = torch.arange(h), torch.arange(w)
    down, right = rows.view(h, 1, 1, 1) - rows.view(1, 1, h, 1), columns.view(1, w, 1, 1) - columns.view(1, 1, 1, w)
    d = (down**2 + right**2).to(kind)
    e = ((x[:, :, :, :, None, None] - x[:, :, None, None]) ** 2).sum(1)
    kernel = torch.exp(-d / (2 * ta * ta) - e / (2 * tb * tb)) * wa
    kernel = torch.where(d > 0, kernel + ws * torch.exp(-d / (2 * tg * tg)), 0)
    messages = torch.einsum("nijuv,nluv->nlij", kernel, old)
    scores = -unary.to(kind) - torch.einsum("kl,nlij->nkij", mu, messages)
    return scores.softmax(dim=1).to(unary.dtype)
