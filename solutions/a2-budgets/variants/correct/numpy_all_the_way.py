"""In NumPy wherever that can be, with arrays turned into tensors at the end."""

import numpy as np
import torch

SOLVES = ("receptive_fields", "field_box", "effective_field", "budget", "batch_norm", "batch_norm_backward")


def whole(values):
    return np.asarray(values, dtype=np.int64)


def check_stack(*columns):
    if len({c.shape for c in columns}) != 1:
        raise ValueError("lengths differ")


def receptive_fields(kernels, strides, dilations=None):
    k, s = whole(kernels), whole(strides)
    d = np.ones_like(k) if dilations is None else whole(dilations)
    check_stack(k, s, d)
    if np.any(np.stack([k, s, d]) < 1):
        raise ValueError("numbers should be at least 1")
    jumps = np.multiply.accumulate(s)
    before = np.ones_like(s)
    before[1:] = jumps[:-1]
    sizes = 1 + np.add.accumulate(d * (k - 1) * before)
    return torch.from_numpy(sizes), torch.from_numpy(jumps)


def field_box(units, kernels, strides, paddings, size):
    k, s, p, u = whole(kernels), whole(strides), whole(paddings), whole(units)
    check_stack(k, s, p)
    if np.any(k < 1) or np.any(s < 1) or np.any(p < 0) or np.any(u < 0) or size < 1:
        raise ValueError("numbers make no sense")
    before = np.ones(len(s), np.int64)
    before[1:] = np.cumprod(s[:-1])
    first = u * np.prod(s, dtype=np.int64) - np.dot(p, before)
    last = first + np.dot(k - 1, before)
    low, high = np.maximum(first, 0), np.minimum(last, size - 1)
    seen = high >= low
    clipped = np.stack([np.where(seen, low, 0), np.where(seen, high, -1)], -1)
    return torch.from_numpy(np.stack([first, last], -1)), torch.from_numpy(clipped)


def effective_field(weights):
    w = weights.numpy()
    n, layers, kh, kw = w.shape
    field = np.ones((n, 1, 1), w.dtype)
    for layer in range(layers):
        padded = np.pad(field, ((0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), (1, 2))
        field = np.einsum("nabij,nij->nab", windows, w[:, layer, ::-1, ::-1])
    field = np.abs(field)
    rows, columns = np.arange(field.shape[1]), np.arange(field.shape[2])
    total = field.sum((1, 2))
    total = np.where(total == 0, 1, total)[:, None, None]

    def spread(at):
        centre = (field * at).sum((1, 2), keepdims=True) / total
        return np.sqrt((field * (at - centre) ** 2 / total).sum((1, 2)))

    both = np.stack([spread(rows[:, None]), spread(columns)], 1).astype(w.dtype)
    return torch.from_numpy(field), torch.from_numpy(both)


def budget(table, height, width, channels):
    t = table.numpy().astype(np.int64)
    if t.ndim != 2 or t.shape[1] != 5:
        raise ValueError("the table has not five columns")
    k, s, out, g, bn = t.T
    taken = np.concatenate([[channels], out])[:-1]
    pool = g == 0
    if np.any(k < 1) or np.any(s < 1) or np.any(out < 1) or np.any(g < 0) or min(height, width, channels) < 1:
        raise ValueError("a number is too small")
    groups = np.where(pool, 1, g)
    if np.any(taken % groups) or np.any(out % groups) or np.any(pool & (taken != out)):
        raise ValueError("channels do not fit")
    if not np.all(np.isin(bn, [0, 1])) or np.any(pool & (bn == 1)):
        raise ValueError("normalised or not, and a pooling never")
    jump = np.cumprod(s)
    pixels = ((height + jump - 1) // jump) * ((width + jump - 1) // jump)
    weights = np.where(pool, 0, taken // groups * k * k * out)
    learned = weights + np.where(pool, 0, np.where(bn == 1, 2 * out, out))
    return torch.from_numpy(learned), torch.from_numpy(out * pixels), torch.from_numpy(weights * pixels)


def batch_norm(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    g, b, m, v = (t.numpy() for t in (gamma, beta, running_mean, running_var))
    values = x.numpy().astype(g.dtype)
    n, c, h, w = values.shape
    if any(t.shape != (c,) for t in (g, b, m, v)):
        raise ValueError("the shape should be (C,)")
    mean, var = m, v
    if training:
        if n * h * w < 2:
            raise ValueError("too few values")
        each = np.moveaxis(values, 1, 0).reshape(c, -1)
        mean, var = each.mean(1), each.var(1)
        m = m + np.asarray(momentum, m.dtype) * (mean - m)
        v = v + np.asarray(momentum, v.dtype) * (each.var(1, ddof=1) - v)
    wide = (slice(None), None, None)
    y = (values - mean[wide]) / np.sqrt(var + np.asarray(eps, g.dtype))[wide] * g[wide] + b[wide]
    return torch.tensor(y).to(x.dtype), torch.tensor(m), torch.tensor(v)


def batch_norm_backward(grad_out, x, gamma, eps=1e-5):
    n, c, h, w = x.shape
    if grad_out.shape != x.shape or gamma.shape != (c,) or n * h * w < 2:
        raise ValueError("shapes do not fit")
    flat = lambda t: np.moveaxis(t.numpy(), 1, 0).reshape(c, -1)  # noqa: E731
    g, values = flat(grad_out), flat(x)
    centred = values - values.mean(1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(1, keepdims=True) + np.asarray(eps, values.dtype))
    # The gradient of the variance and of the mean, as on paper.
    gx = g * gamma.numpy()[:, None]
    g_var = (gx * centred).sum(1, keepdims=True) * -0.5 / deviation**3
    g_mean = -gx.sum(1, keepdims=True) / deviation
    total = gx / deviation + g_var * 2 * centred / (n * h * w) + g_mean / (n * h * w)
    back = np.moveaxis(total.reshape(c, n, h, w), 0, 1)
    return torch.tensor(back), torch.tensor((g * centred / deviation).sum(1)), torch.tensor(g.sum(1))
