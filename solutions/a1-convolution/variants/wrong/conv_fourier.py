"""Multiplies spectra, because a convolution is a product there."""

import torch
import torch.nn.functional as F

FAILS = {"conv2d": "forbidden"}


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    (sh, sw), (ph, pw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding, dilation))
    rows, columns = dh * (w.shape[2] - 1) + 1, dw * (w.shape[3] - 1) + 1
    if x.shape[1] != w.shape[1] or rows > x.shape[2] + 2 * ph or columns > x.shape[3] + 2 * pw:
        raise ValueError("image and kernel do not fit together")
    x = torch.cat([x, x.new_zeros(1, *x.shape[1:])])  # spectra of an empty batch are an error
    size = (x.shape[2] + 2 * ph, x.shape[3] + 2 * pw)
    spread = w.new_zeros(*w.shape[:2], rows, columns)
    spread[..., ::dh, ::dw] = w
    product = torch.einsum(
        "nchw,ochw->nohw",
        torch.fft.rfft2(F.pad(x, (pw, pw, ph, ph)).double()),
        torch.fft.rfft2(spread.double(), s=size).conj(),
    )
    y = torch.fft.irfft2(product, s=size)[..., : size[0] - rows + 1 : sh, : size[1] - columns + 1 : sw].to(x.dtype)
    return y[:-1] if b is None else y[:-1] + b[:, None, None]
