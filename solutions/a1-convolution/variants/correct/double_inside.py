"""Computes in float64 and returns what came in; careful people do that."""

import torch
import torch.nn.functional as F

SOLVES = ("conv2d", "conv2d_backward", "local_contrast_norm")


def as_pair(v):
    return (v, v) if isinstance(v, int) else v


def in_double(function):
    """Run ``function`` on float64 copies of its tensors and give the results the dtype of the first."""

    def wrapped(*args, **kwargs):
        dtype = args[0].dtype
        out = function(*(a.double() if isinstance(a, torch.Tensor) else a for a in args), **kwargs)
        return tuple(o.to(dtype) for o in out) if isinstance(out, tuple) else out.to(dtype)

    return wrapped


@in_double
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    stride, padding, dilation = as_pair(stride), as_pair(padding), as_pair(dilation)
    if x.shape[1] != w.shape[1]:
        raise ValueError("different numbers of channels")
    x = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    if reach[0] > x.shape[2] or reach[1] > x.shape[3]:
        raise ValueError("kernel too large")
    windows = x.unfold(2, reach[0], stride[0]).unfold(3, reach[1], stride[1])
    windows = windows[..., :: dilation[0], :: dilation[1]]
    y = (windows[:, None] * w[None, :, :, None, None]).sum((2, 5, 6))
    return y + (0 if b is None else b.double()[None, :, None, None])


@in_double
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    stride, padding = as_pair(stride), as_pair(padding)
    p = (padding[1], padding[1], padding[0], padding[0])
    windows = F.pad(x, p).unfold(2, w.shape[2], stride[0]).unfold(3, w.shape[3], stride[1])
    if grad_out.shape != (x.shape[0], w.shape[0], windows.shape[2], windows.shape[3]):
        raise ValueError("grad_out has a shape that y never has")
    gw = torch.einsum("noyz,ncyzij->ocij", grad_out, windows)
    # One-hot matrices per axis say which padded row each (output, kernel) pair touches.
    touch = []
    for axis in (0, 1):
        starts = torch.arange(windows.shape[2 + axis]) * stride[axis]
        touched = starts[:, None] + torch.arange(w.shape[2 + axis]) - padding[axis]
        touch.append((touched[..., None] == torch.arange(x.shape[2 + axis])).double())
    gx = torch.einsum("noyz,ocij,yih,zjw->nchw", grad_out, w, *touch)
    return gx, gw, grad_out.sum((0, 2, 3))


@in_double
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1 or window % 2 == 0:
        raise ValueError("window has to be odd")
    if sigma <= 0:
        raise ValueError("sigma has to be positive")
    ramp = torch.arange(window, dtype=torch.float64) - (window - 1) / 2
    bell = torch.exp(-0.5 * (ramp / sigma) ** 2)
    bell = bell / bell.sum()
    down, across = bell.view(1, 1, -1, 1), bell.view(1, 1, 1, -1)

    def blur(m):
        return F.conv2d(F.conv2d(m, down, padding=(window // 2, 0)), across, padding=(0, window // 2))

    weight = blur(torch.ones(1, 1, *x.shape[2:], dtype=torch.float64))
    v = x - blur(x.mean(1, keepdim=True)) / weight
    dev = torch.sqrt((blur(v.pow(2).mean(1, keepdim=True)) / weight).clamp_min(1e-300))
    floor = dev.mean(dim=(1, 2, 3), keepdim=True).clamp_min(eps)
    return v / torch.max(dev, floor)
