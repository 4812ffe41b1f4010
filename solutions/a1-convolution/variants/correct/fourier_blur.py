"""The blur of the last exercise by Fourier transforms, which are allowed there."""

import torch

SOLVES = ("local_contrast_norm",)


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window <= 0 or window % 2 == 0:
        raise ValueError("choose an odd window")
    if not sigma > 0:
        raise ValueError("choose a positive sigma")
    r = window // 2
    size = (x.shape[2] + 2 * r, x.shape[3] + 2 * r)
    t = torch.arange(-r, r + 1).double()
    spectrum = torch.fft.rfft2(torch.exp(-(t[:, None] ** 2 + t**2) / (2 * sigma**2)), s=size)

    def blur(m):
        full = torch.fft.irfft2(torch.fft.rfft2(m.double(), s=size) * spectrum, s=size)
        return full[..., r : r + x.shape[2], r : r + x.shape[3]]

    if x.shape[0] == 0:
        return x.clone()
    weight = blur(torch.ones_like(x[:1, :1]))
    v = x.double() - blur(x.double().mean(1, keepdim=True)) / weight
    deviation = (blur((v**2).mean(1, keepdim=True)) / weight).clamp(min=1e-300).sqrt()
    typical = deviation.mean((1, 2, 3), keepdim=True)
    return (v / torch.maximum(deviation, typical).clamp(min=eps)).to(x.dtype)
