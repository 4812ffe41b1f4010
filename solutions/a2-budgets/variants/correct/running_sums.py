"""Running sums and products of whole numbers, one expression each; convolutions and their gradients by PyTorch."""

import torch
import torch.nn.functional as F

SOLVES = ("receptive_fields", "field_box", "effective_field", "budget", "batch_norm", "batch_norm_backward")


def numbers(values):
    return torch.as_tensor(values).long()


def receptive_fields(kernels, strides, dilations=None):
    k, s = numbers(kernels), numbers(strides)
    d = k * 0 + 1 if dilations is None else numbers(dilations)
    if not len(k) == len(s) == len(d) or ((k < 1) | (s < 1) | (d < 1)).any():
        raise ValueError("this is no stack")
    jumps = torch.cumprod(s, 0)
    return torch.cumsum((k - 1) * d * (jumps // s), 0) + 1, jumps


def field_box(units, kernels, strides, paddings, size):
    k, s, p = numbers(kernels), numbers(strides), numbers(paddings)
    if not len(k) == len(s) == len(p) or ((k < 1) | (s < 1) | (p < 0)).any() or size < 1 or (units < 0).any():
        raise ValueError("this is no stack")
    jumps = s.cumprod(0)
    before = jumps // s
    first = units.long() * s.prod() - (p * before).sum()
    last = first + ((k - 1) * before).sum()
    box = torch.stack((first, last), dim=-1)
    clipped = box.clamp(0, size - 1)
    empty = (last < 0) | (first > size - 1)
    clipped[empty] = torch.tensor([0, -1])
    return box, clipped


def effective_field(weights):
    n, layers, kh, kw = weights.shape
    x = weights.new_zeros(1, max(n, 1), layers * (kh - 1) + 1, layers * (kw - 1) + 1).requires_grad_()
    y = x
    if n:
        for layer in range(layers):
            y = F.conv2d(y, weights[:, layer, None], groups=n)
    field = torch.autograd.grad(y.sum(), x)[0][0, :n].abs()
    total = field.sum((1, 2)).clamp(min=torch.finfo(field.dtype).tiny)
    spread = []
    for axis in (1, 2):
        profile = field.sum(3 - axis) / total[:, None]
        at = torch.arange(profile.shape[1]).to(profile)
        off = at - (profile @ at)[:, None]
        spread.append((profile * off * off).sum(1).sqrt())
    return field, torch.stack(spread, 1)


def budget(table, height, width, channels):
    if table.dim() != 2 or table.shape[-1] != 5:
        raise ValueError("five columns, please")
    k, s, c, g, norm = table.long().T
    before = torch.roll(c, 1)
    before[:1] = channels
    conv = (g > 0).long()
    g1 = torch.maximum(g, torch.tensor(1))
    bad = (k < 1) | (s < 1) | (c < 1) | (g < 0) | (before % g1 != 0) | (c % g1 != 0)
    bad = bad | ((conv == 0) & ((c != before) | (norm != 0))) | (norm * (norm - 1) != 0)
    if bad.any() or height < 1 or width < 1 or channels < 1:
        raise ValueError("no such network")
    jump = s.cumprod(0)
    pixels = ((height - 1) // jump + 1) * ((width - 1) // jump + 1)
    weights = conv * k * k * c * torch.div(before, g1, rounding_mode="floor")
    return weights + conv * (c + norm * c), c * pixels, weights * pixels


def batch_norm(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    c = x.shape[1]
    for each in (gamma, beta, running_mean, running_var):
        if each.shape != (c,):
            raise ValueError("not one number a channel")
    if not training:
        y = (x.to(gamma.dtype) - running_mean.view(1, c, 1, 1)) / torch.sqrt(running_var.view(1, c, 1, 1) + eps)
        return (y * gamma.view(1, c, 1, 1) + beta.view(1, c, 1, 1)).to(x.dtype), running_mean, running_var
    if x.numel() < 2 * c or x.numel() == 0:
        raise ValueError("more values, please")
    values = x.to(gamma.dtype)
    var, mean = torch.var_mean(values, (0, 2, 3), unbiased=False, keepdim=True)
    y = (values - mean) / (var + eps).sqrt() * gamma.view(1, c, 1, 1) + beta.view(1, c, 1, 1)
    unbiased = values.var((0, 2, 3))
    return (
        y.to(x.dtype),
        torch.lerp(running_mean, mean.flatten(), momentum),
        running_var + momentum * (unbiased - running_var),
    )


def batch_norm_backward(grad_out, x, gamma, eps=1e-5):
    if grad_out.shape != x.shape or gamma.shape != x.shape[1:2] or x[:, 0].numel() < 2:
        raise ValueError("these do not belong together")
    var, mean = torch.var_mean(x, (0, 2, 3), unbiased=False, keepdim=True)
    inverse = (var + eps).rsqrt()
    hat = (x - mean) * inverse
    mean_g = grad_out.mean((0, 2, 3), keepdim=True)
    mean_gh = (grad_out * hat).mean((0, 2, 3), keepdim=True)
    count = x.numel() // x.shape[1]
    grad_x = gamma.view(1, -1, 1, 1) * inverse * (grad_out - mean_g - hat * mean_gh)
    return grad_x, mean_gh.flatten() * count, mean_g.flatten() * count
