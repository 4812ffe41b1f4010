"""Where no gradient is asked for, NumPy's sliding windows do as well."""

import numpy as np
import torch

SOLVES = ("output_size", "conv2d_backward", "max_pool2d")


def output_size(n, k, s=1, p=0, d=1):
    if not (k >= 1 and s >= 1 and d >= 1 and p >= 0):
        raise ValueError("there is no such window")
    steps, _ = divmod(n + 2 * p - d * (k - 1) - 1, s)
    if steps < 0:
        raise ValueError("not even one window fits here")
    return steps + 1


def windows(a, kernel, stride):
    return np.lib.stride_tricks.sliding_window_view(a, kernel, axis=(2, 3))[:, :, :: stride[0], :: stride[1]]


def tuples(*values):
    return [tuple(v) if isinstance(v, (list, tuple)) else (v, v) for v in values]


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = tuples(stride, padding)
    g, a, k = grad_out.numpy(), x.numpy(), w.numpy()
    kh, kw = k.shape[2:]
    padded = np.pad(a, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    seen = windows(padded, (kh, kw), (sh, sw))
    if g.shape != (a.shape[0], k.shape[0], *seen.shape[2:4]):
        raise ValueError("grad_out should have the shape of the output")
    gw = np.einsum("nouv,ncuvij->ocij", g, seen)
    spread = np.zeros((*g.shape[:2], padded.shape[2] + kh - 1, padded.shape[3] + kw - 1), dtype=g.dtype)
    spread[:, :, kh - 1 :: sh, kw - 1 :: sw][:, :, : g.shape[2], : g.shape[3]] = g
    gx = np.einsum("nouvij,ocij->ncuv", windows(spread, (kh, kw), (1, 1)), k[:, :, ::-1, ::-1])
    gx = gx[:, :, ph : ph + a.shape[2], pw : pw + a.shape[3]]
    return tuple(torch.from_numpy(np.ascontiguousarray(out)) for out in (gx, gw, g.sum((0, 2, 3))))


def max_pool2d(x, kernel_size, stride=None, padding=0):
    kernel, pad = tuples(kernel_size, padding)
    step = kernel if stride is None else tuples(stride)[0]
    if np.any(2 * np.array(pad) > np.array(kernel)):
        raise ValueError("padding beyond half of the kernel")
    a = np.pad(x.numpy(), ((0, 0), (0, 0), (pad[0],) * 2, (pad[1],) * 2), constant_values=-np.inf)
    seen = windows(a, kernel, step)
    seen = seen.reshape(*seen.shape[:4], kernel[0] * kernel[1])
    best = seen.argmax(-1)
    top, left = np.ogrid[: seen.shape[2], : seen.shape[3]]
    row = np.maximum(top * step[0] - pad[0] + best // kernel[1], 0)
    column = np.maximum(left * step[1] - pad[1] + best % kernel[1], 0)
    return torch.from_numpy(seen.max(-1)), torch.from_numpy(row * x.shape[3] + column)
