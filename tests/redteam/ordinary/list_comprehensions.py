"""Solves: output_size, im2col.

Loops: conv2d, local_contrast_norm.
"""

# %%
def output_size(n, k, s=1, p=0, d=1):
    if any([k < 1, s < 1, d < 1, p < 0]):
        raise ValueError("k, s and d must be 1 or more, p must be 0 or more")
    if n + 2 * p < d * (k - 1) + 1:
        raise ValueError("not a single window fits")
    return (n + 2 * p - d * (k - 1) - 1) // s + 1

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    k, s, d = pair(kernel_size), pair(stride), pair(dilation)
    out = [output_size(x.shape[a + 2], k[a], s[a], 0, d[a]) for a in range(2)]
    st = x.stride()
    return x.as_strided(list(x.shape[:2]) + list(k) + out,
                        list(st[:2]) + [st[a + 2] * d[a] for a in range(2)] + [st[a + 2] * s[a] for a in range(2)])

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError("wrong number of channels")
    ph, pw = pair(padding)
    cols = im2col(F.pad(x, (pw, pw, ph, ph)), tuple(w.shape[2:]), stride, dilation)
    # one output channel at a time
    y = torch.stack([(cols * kernel[None, :, :, :, None, None]).sum((1, 2, 3)) for kernel in w], dim=1)
    return y if b is None else y + b.view(-1, 1, 1)

# %%
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1 or window % 2 == 0 or sigma <= 0:
        raise ValueError("window must be odd, sigma must be positive")
    r = window // 2
    H, W = x.shape[2:]
    offsets = [(i, j) for i in range(-r, r + 1) for j in range(-r, r + 1)]
    weights = [math.exp(-(i * i + j * j) / (2 * sigma * sigma)) for i, j in offsets]
    ones = F.pad(torch.ones(1, 1, H, W, dtype=x.dtype), (r, r, r, r))

    def shifted(m, i, j):
        return m[:, :, r + i:r + i + H, r + j:r + j + W]

    def mean(m):
        padded = F.pad(m.mean(1, keepdim=True), (r, r, r, r))
        top = sum([g * shifted(padded, i, j) for g, (i, j) in zip(weights, offsets)])
        bottom = sum([g * shifted(ones, i, j) for g, (i, j) in zip(weights, offsets)])
        return top / bottom

    v = x - mean(x)
    s = mean(v ** 2).sqrt()
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)

# %%
import math
