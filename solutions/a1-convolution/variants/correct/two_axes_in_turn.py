"""A `for` over the two spatial axes, which makes two rounds at every size: allowed, and short."""

import torch

SOLVES = ("im2col", "conv2d")


def im2col(x, kernel_size, stride=1, dilation=1):
    both = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, stride, dilation))
    for axis, (k, s, d) in enumerate(zip(*both, strict=True)):
        reach = 1 + d * (k - 1)
        if x.shape[2 + axis] < reach:
            raise ValueError(f"axis {2 + axis} is shorter than the window")
        x = x.unfold(2 + axis, reach, s)[..., ::d]
    return x.movedim((-2, -1), (2, 3))


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError("channels do not match")
    padding = padding if isinstance(padding, tuple) else (padding, padding)
    for axis, p in enumerate(padding):
        zeros = torch.zeros_like(x.narrow(2 + axis, 0, 1)).repeat_interleave(p, 2 + axis)
        x = torch.cat([zeros, x, zeros], 2 + axis)
    y = torch.tensordot(w, im2col(x, tuple(w.shape[2:]), stride, dilation), ([1, 2, 3], [1, 2, 3])).transpose(0, 1)
    return y if b is None else y + b[None, :, None, None]
