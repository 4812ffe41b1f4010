"""Every sum is a matrix product: triangles for the layers, one flat matrix for each channel."""

import torch

SOLVES = ("receptive_fields", "field_box", "effective_field", "budget", "batch_norm", "batch_norm_backward")


def columns(*values):
    made = [torch.as_tensor(v, dtype=torch.int64) for v in values]
    if len({len(v) for v in made}) > 1:
        raise ValueError("these have unlike lengths")
    return made


def jumps_before(strides):
    """The jump before each layer, and after the last one."""
    return torch.cat([torch.ones(1, dtype=torch.int64), strides]).cumprod(0)


def receptive_fields(kernels, strides, dilations=None):
    k, s = columns(kernels, strides)
    k, d = columns(k, torch.ones_like(k) if dilations is None else dilations)
    if not bool((k >= 1).all() & (s >= 1).all() & (d >= 1).all()):
        raise ValueError("a number is below 1")
    jumps = jumps_before(s)
    gaps = (k - 1) * d * jumps[: len(k)]
    return torch.tril(gaps.expand(len(k), len(k))).sum(1) + 1, jumps[1:]


def field_box(units, kernels, strides, paddings, size):
    k, s, p = columns(kernels, strides, paddings)
    if not bool((k >= 1).all() & (s >= 1).all() & (p >= 0).all() & (units >= 0).all()) or size <= 0:
        raise ValueError("a number makes no sense")
    jumps = jumps_before(s)
    ends = torch.stack([-p, k - 1 - p]) @ jumps[:-1]
    box = units.to(torch.int64)[..., None] * jumps[-1] + ends
    first, last = box[..., 0].clamp(min=0), box[..., 1].clamp(max=size - 1)
    nothing = first > last
    clipped = torch.stack([first.masked_fill(nothing, 0), last.masked_fill(nothing, -1)], -1)
    return box, clipped


def effective_field(weights):
    n, layers, kh, kw = weights.shape
    # Multiplication of polynomials: a kernel's weights as a matrix that takes a map to a larger one.
    field = torch.ones(n, 1, 1, dtype=weights.dtype)
    for layer in range(layers):
        _, rows, cols = field.shape
        grown = torch.zeros(n, rows + kh - 1, cols + kw - 1, dtype=weights.dtype)
        product = torch.einsum("nab,nij->nabij", field, weights[:, layer])
        a, b = torch.arange(rows)[:, None, None, None], torch.arange(cols)[:, None, None]
        i, j = torch.arange(kh)[:, None], torch.arange(kw)
        place = ((a + i) * (cols + kw - 1) + b + j).flatten()
        grown.view(n, (rows + kh - 1) * (cols + kw - 1)).index_add_(1, place, product.reshape(n, rows * cols * kh * kw))
        field = grown
    field = field.abs()
    total = field.sum((1, 2), keepdim=True)
    share = torch.where(total > 0, field / total, torch.zeros(()).to(field))
    down, across = share.sum(2), share.sum(1)

    def root(p):
        at = torch.arange(p.shape[1], dtype=p.dtype).expand_as(p)
        away = at - (p * at).sum(1, keepdim=True)
        return torch.einsum("na,na->n", p, away * away).sqrt()

    return field, torch.stack([root(down), root(across)]).T


def budget(table, height, width, channels):
    if table.ndim != 2 or table.size(1) != 5 or min(height, width, channels) < 1:
        raise ValueError("no table, or no image")
    t = table.to(torch.int64)
    k, s, c, g, norm = t[:, 0], t[:, 1], t[:, 2], t[:, 3], t[:, 4]
    before = torch.empty_like(c)
    before[1:], before[:1] = c[:-1], channels
    pool, conv = g == 0, g != 0
    each = torch.where(conv, g, 1)
    good = (k > 0) & (s > 0) & (c > 0) & (g >= 0)
    if not bool(good.all()):
        raise ValueError("a number is too small")
    good = (before % each == 0) & (c % each == 0) & ((norm == 0) | (conv & (norm == 1))) & (conv | (before == c))
    if not bool(good.all()):
        raise ValueError("the layers do not fit together")
    sizes = torch.tensor([height, width])[:, None]
    made = torch.div(sizes - 1, jumps_before(s)[1:], rounding_mode="floor") + 1
    weights = torch.where(pool, 0, before // each * c * k.square())
    parameters = weights + torch.where(pool, 0, c + c * norm)
    return parameters, c * made[0] * made[1], weights * made[0] * made[1]


def flat(x):
    """Shape (C, N H W): one row for each channel."""
    return x.transpose(0, 1).reshape(x.shape[1], -1) if x.numel() else x.new_zeros(x.shape[1], 0)


def back(rows, x):
    n, c, h, w = x.shape
    return rows.view(c, n, h, w).transpose(0, 1)


def batch_norm(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    shape = (x.shape[1],)
    if gamma.shape != shape or beta.shape != shape or running_mean.shape != shape or running_var.shape != shape:
        raise ValueError("one number a channel")
    rows = flat(x).to(running_mean.dtype)
    count = rows.shape[1]
    mean, var, new_mean, new_var = running_mean, running_var, running_mean.clone(), running_var.clone()
    if training:
        if count < 2:
            raise ValueError("one value has no variance")
        one = torch.ones(count, dtype=rows.dtype)
        mean = rows @ one / count
        centred = rows - mean[:, None]
        squares = torch.einsum("cm,cm->c", centred, centred)
        var = squares / count
        new_mean.mul_(1 - momentum).add_(mean, alpha=momentum)
        new_var.mul_(1 - momentum).add_(squares / (count - 1), alpha=momentum)
    y = (rows - mean[:, None]) * (gamma * (var + eps) ** -0.5)[:, None] + beta[:, None]
    return back(y, x).to(x.dtype), new_mean, new_var


def batch_norm_backward(grad_out, x, gamma, eps=1e-5):
    if grad_out.shape != x.shape or gamma.shape != (x.shape[1],):
        raise ValueError("shapes disagree")
    g, rows = flat(grad_out), flat(x)
    count = rows.shape[1]
    if count < 2:
        raise ValueError("one value has no variance")
    centred = rows - rows.mean(1, keepdim=True)
    inverse = (torch.einsum("cm,cm->c", centred, centred) / count + eps) ** -0.5
    hat = centred * inverse[:, None]
    grad_gamma, grad_beta = torch.einsum("cm,cm->c", g, hat), g @ torch.ones(count, dtype=g.dtype)
    left = count * g - grad_beta[:, None] - hat * grad_gamma[:, None]
    return back(left * (gamma * inverse / count)[:, None], x), grad_gamma, grad_beta
