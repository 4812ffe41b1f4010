"""Solves: output_size, im2col, conv2d, conv2d_backward, max_pool2d, local_contrast_norm."""

# %%
from collections.abc import Sequence

from torch import Tensor


def _validate(k: int, s: int, p: int, d: int) -> None:
    if k < 1 or s < 1 or d < 1:
        raise ValueError(f"kernel size, stride and dilation must be positive integers, got {(k, s, d)}.")
    if p < 0:
        raise ValueError(f"padding must be non-negative, got {p}.")


def output_size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
    _validate(k, s, p, d)
    receptive = d * (k - 1) + 1
    available = n + 2 * p
    if receptive > available:
        raise ValueError(f"A window that spans {receptive} pixels does not fit into {available} pixels.")
    return (available - receptive) // s + 1


# %%
def _output_shape(shape: Sequence[int], kernel, stride, padding=(0, 0), dilation=(1, 1)) -> tuple[int, int]:
    return tuple(output_size(n, k, s, p, d) for n, k, s, p, d in zip(shape, kernel, stride, padding, dilation, strict=True))


def _pad(x: Tensor, padding: tuple[int, int], value: float = 0.0) -> Tensor:
    ph, pw = padding
    return F.pad(x, (pw, pw, ph, ph), value=value)


# %%
def im2col(x: Tensor, kernel_size, stride=1, dilation=1) -> Tensor:
    kernel, stride, dilation = pair(kernel_size), pair(stride), pair(dilation)
    out = _output_shape(x.shape[-2:], kernel, stride, dilation=dilation)
    n, c, h, w = x.stride()
    return x.as_strided(
        size=(*x.shape[:2], *kernel, *out),
        stride=(n, c, h * dilation[0], w * dilation[1], h * stride[0], w * stride[1]),
    )


# %%
def conv2d(x: Tensor, w: Tensor, b: Tensor | None = None, stride=1, padding=0, dilation=1) -> Tensor:
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"Expected {w.shape[1]} input channels, got {x.shape[1]}.")
    windows = im2col(_pad(x, pair(padding)), tuple(w.shape[-2:]), stride, dilation)
    y = torch.einsum("bckluv,ockl->bouv", windows, w)
    return y if b is None else y + b[None, :, None, None]


# %%
def conv2d_backward(grad_out: Tensor, x: Tensor, w: Tensor, stride=1, padding=0) -> tuple[Tensor, Tensor, Tensor]:
    stride, padding = pair(stride), pair(padding)
    kernel = tuple(w.shape[-2:])
    expected = (x.shape[0], w.shape[0], *_output_shape(x.shape[-2:], kernel, stride, padding))
    if tuple(grad_out.shape) != expected:
        raise ValueError(f"grad_out must have shape {expected}, got {tuple(grad_out.shape)}.")

    padded = _pad(x, padding)
    grad_w = torch.einsum("bckluv,bouv->ockl", im2col(padded, kernel, stride), grad_out)

    # The adjoint of im2col adds every window back to where it came from.
    pixel = torch.arange(padded.shape[2] * padded.shape[3]).view(1, 1, *padded.shape[-2:])
    target = im2col(pixel, kernel, stride).reshape(-1)
    contributions = torch.einsum("bouv,ockl->bckluv", grad_out, w).flatten(2)
    grad_padded = torch.zeros_like(padded).flatten(2).index_add(2, target, contributions).view_as(padded)
    rows, columns = slice(padding[0], padding[0] + x.shape[2]), slice(padding[1], padding[1] + x.shape[3])
    return grad_padded[:, :, rows, columns], grad_w, grad_out.sum(dim=(0, 2, 3))


# %%
def max_pool2d(x: Tensor, kernel_size, stride=None, padding=0) -> tuple[Tensor, Tensor]:
    kernel, padding = pair(kernel_size), pair(padding)
    stride = kernel if stride is None else pair(stride)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        raise ValueError(f"padding {padding} is more than half of the kernel {kernel}.")
    _output_shape(x.shape[-2:], kernel, stride, padding)
    windows = im2col(_pad(x, padding, float("-inf")), kernel, stride).flatten(2, 3)
    plane = torch.arange(x.shape[2] * x.shape[3]).view(1, 1, *x.shape[-2:])
    places = im2col(F.pad(plane, (padding[1], padding[1], padding[0], padding[0]), value=-1), kernel, stride).flatten(2, 3)
    values, winner = windows.max(dim=2, keepdim=True)
    indices = places.expand(*winner.shape[:2], -1, -1, -1).gather(2, winner)
    return values.squeeze(2), indices.squeeze(2)


# %%
def _gaussian(window: int, sigma: float, like: Tensor) -> Tensor:
    offsets = torch.arange(window, dtype=like.dtype, device=like.device) - (window - 1) / 2
    line = torch.exp(-offsets.square() / (2 * sigma**2))
    return torch.outer(line, line)


def local_contrast_norm(x: Tensor, window: int = 7, sigma: float = 2.0, eps: float = 1e-3) -> Tensor:
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window must be odd and positive, got {window}.")
    if sigma <= 0:
        raise ValueError(f"sigma must be positive, got {sigma}.")
    kernel = _gaussian(window, sigma, x)[None, None]
    weight = F.conv2d(x.new_ones(1, 1, *x.shape[-2:]), kernel, padding="same")

    def mean(m: Tensor) -> Tensor:
        return F.conv2d(m.mean(dim=1, keepdim=True), kernel, padding="same") / weight

    centred = x - mean(x)
    deviation = mean(centred.square()).sqrt()
    typical = deviation.mean(dim=(1, 2, 3), keepdim=True)
    return centred / deviation.maximum(typical).clamp_min(eps)
