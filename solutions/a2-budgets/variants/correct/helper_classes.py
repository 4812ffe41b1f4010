"""One class for a stack and one for a channel's statistics, which several exercises share."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

SOLVES = ("receptive_fields", "field_box", "effective_field", "budget", "batch_norm", "batch_norm_backward")


class Stack:
    def __init__(self, kernels, strides, dilations=None, paddings=None):
        self.k, self.s = self.read(kernels), self.read(strides)
        self.d = torch.ones_like(self.k) if dilations is None else self.read(dilations)
        self.p = torch.zeros_like(self.k) if paddings is None else self.read(paddings)
        if not self.k.numel() == self.s.numel() == self.d.numel() == self.p.numel():
            raise ValueError("every layer needs all of its numbers")
        if torch.any(torch.cat((self.k, self.s, self.d, self.p + 1)) <= 0):
            raise ValueError("a layer's number makes no sense")

    @staticmethod
    def read(values):
        if isinstance(values, torch.Tensor):
            return values.to(torch.int64)
        return torch.tensor(values, dtype=torch.int64)

    @property
    def jumps(self):
        return torch.cumprod(self.s, 0)

    @property
    def before(self):
        return torch.cat([torch.ones_like(self.s[:1]), self.jumps[:-1]])

    @property
    def sizes(self):
        return torch.cumsum(self.d * (self.k - 1) * self.before, 0) + 1


def receptive_fields(kernels, strides, dilations=None):
    stack = Stack(kernels, strides, dilations)
    return stack.sizes, stack.jumps


def field_box(units, kernels, strides, paddings, size):
    stack = Stack(kernels, strides, paddings=paddings)
    if size < 1:
        raise ValueError("an image has pixels")
    if units.lt(0).any():
        raise ValueError("units count from 0")
    deep = len(stack.k) > 0
    jump, reach = (stack.jumps[-1], stack.sizes[-1]) if deep else (1, 1)
    first = units.to(torch.int64) * jump - torch.dot(stack.p, stack.before)
    last = first + reach - 1
    inside = torch.logical_and(last >= 0, first < size)
    a = torch.where(inside, torch.clamp(first, 0, size - 1), 0)
    b = torch.where(inside, torch.clamp(last, 0, size - 1), -1)
    return torch.stack([first, last], dim=units.ndim), torch.stack([a, b], dim=units.ndim)


def effective_field(weights):
    stacks, layers, kh, kw = weights.shape
    if stacks == 0 or layers == 0:
        side = weights.new_ones(stacks, layers * (kh - 1) + 1, layers * (kw - 1) + 1)
        return side, weights.new_zeros(stacks, 2)
    y = torch.ones(1, stacks, 1, 1, dtype=weights.dtype)
    for kernel in reversed(weights.unbind(1)):
        y = F.conv_transpose2d(y, kernel.unsqueeze(1), groups=stacks)
    field = y.squeeze(0).abs()
    return field, torch.stack([Profile(field.sum(2)).deviation, Profile(field.sum(1)).deviation], dim=1)


@dataclass
class Profile:
    weights: torch.Tensor

    @property
    def deviation(self):
        total = self.weights.sum(1, keepdim=True)
        at = torch.arange(self.weights.shape[1], dtype=total.dtype)
        centre = torch.nan_to_num((self.weights * at).sum(1, keepdim=True) / total)
        square = torch.nan_to_num((self.weights * (at - centre) ** 2).sum(1, keepdim=True) / total)
        return square.sqrt()[:, 0]


def budget(table, height, width, channels):
    if table.dim() != 2 or table.shape[1] != 5:
        raise ValueError("a row has five numbers")
    if height < 1 or width < 1 or channels < 1:
        raise ValueError("an image has pixels and channels")
    kernel, stride, made, groups, normalised = torch.unbind(table.to(torch.int64), dim=1)
    stack = Stack(kernel, stride)
    taken = torch.cat((torch.tensor([channels]), made[:-1]))[: len(made)]
    conv = groups.sign()
    if (conv < 0).any() or (made < 1).any():
        raise ValueError("channels and groups count something")
    some = groups + (1 - conv)
    each = taken // some
    if (each * some - taken).any() or torch.remainder(made, some).any():
        raise ValueError("groups should divide the channels")
    if ((1 - conv) * (made - taken)).any() or (normalised > conv).any() or (normalised < 0).any():
        raise ValueError("a pooling keeps its channels and is not normalised")
    rows = height // stack.jumps + (height % stack.jumps > 0)
    cols = width // stack.jumps + (width % stack.jumps > 0)
    weights = conv * made * each * kernel * kernel
    return weights + conv * made * (normalised + 1), made * rows * cols, weights * rows * cols


class Statistics:
    def __init__(self, x):
        self.count = x.shape[0] * x.shape[2] * x.shape[3]
        if self.count < 2:
            raise ValueError("there should be at least two values in each channel")
        self.mean = x.mean(dim=(0, 2, 3), keepdim=True)
        self.centred = x - self.mean
        self.var = self.centred.square().mean(dim=(0, 2, 3), keepdim=True)

    def normalised(self, eps):
        return self.centred / torch.sqrt(self.var + eps)


def per_channel(v):
    return v.reshape(1, -1, 1, 1)


def batch_norm(x, gamma, beta, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    for v in (gamma, beta, running_mean, running_var):
        if tuple(v.shape) != (x.size(1),):
            raise ValueError(f"{tuple(v.shape)} is not the shape of a parameter")
    wide = x.float() if x.dtype == torch.float16 else x
    if training:
        found = Statistics(wide)
        hat = found.normalised(eps)
        unbiased = found.var.flatten() * found.count / (found.count - 1)
        running_mean = running_mean * (1 - momentum) + found.mean.flatten() * momentum
        running_var = running_var * (1 - momentum) + unbiased * momentum
    else:
        hat = (wide - per_channel(running_mean)) / torch.sqrt(per_channel(running_var) + eps)
    return torch.addcmul(per_channel(beta), hat, per_channel(gamma)).to(x.dtype), running_mean, running_var


def batch_norm_backward(grad_out, x, gamma, eps=1e-5):
    if grad_out.shape != x.shape or gamma.ndim != 1 or len(gamma) != x.shape[1]:
        raise ValueError("the shapes do not belong to one layer")
    found = Statistics(x)
    hat = found.normalised(eps)
    upstream = grad_out * per_channel(gamma)  # the gradient of the normalised values
    along = (upstream * hat).mean((0, 2, 3), keepdim=True)
    grad_x = upstream - upstream.mean((0, 2, 3), keepdim=True) - hat * along
    return grad_x / torch.sqrt(found.var + eps), (grad_out * hat).sum((0, 2, 3)), grad_out.sum((0, 2, 3))
