"""Solves: output_size, im2col, conv2d, max_pool2d, local_contrast_norm."""

# %%
# my helpers, used everywhere below
def to_pair(v):
    return (v, v) if isinstance(v, int) else v


def pad_image(x, p, value=0.0):
    p = to_pair(p)
    if p[0] == 0 and p[1] == 0:
        return x
    return F.pad(x, (p[1], p[1], p[0], p[0]), value=value)


def gauss2d(size, sigma, dtype):
    ax = torch.arange(size, dtype=dtype) - (size // 2)
    yy, xx = torch.meshgrid(ax, ax, indexing="ij")
    return torch.exp(-(yy ** 2 + xx ** 2) / (2 * sigma ** 2))

# %%
def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("invalid argument(s) given")
    out = (n + 2 * p - d * (k - 1) - 1) // s + 1
    if out < 1:
        raise ValueError("window does not fit into the axis")
    return out

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    kh, kw = to_pair(kernel_size)
    sh, sw = to_pair(stride)
    dh, dw = to_pair(dilation)
    N, C, H, W = x.size()
    oh = output_size(H, kh, sh, 0, dh)
    ow = output_size(W, kw, sw, 0, dw)
    return x.as_strided(
        (N, C, kh, kw, oh, ow),
        (x.stride(0), x.stride(1), dh * x.stride(2), dw * x.stride(3), sh * x.stride(2), sw * x.stride(3)),
    )

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.size(1) != w.size(1):
        raise ValueError("x and w do not have the same number of input channels")
    cols = im2col(pad_image(x, padding), (w.size(2), w.size(3)), stride, dilation)
    N, C, kh, kw, oh, ow = cols.size()
    a = w.reshape(w.size(0), C * kh * kw)
    c = cols.reshape(N, C * kh * kw, oh * ow)
    out = (a @ c).reshape(N, w.size(0), oh, ow)
    if b is not None:
        out += b.reshape(1, -1, 1, 1)
    return out

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    k = to_pair(kernel_size)
    s = k if stride is None else to_pair(stride)
    p = to_pair(padding)
    if p[0] * 2 > k[0] or p[1] * 2 > k[1]:
        raise ValueError("padding should be at most half of kernel size")
    cols = im2col(pad_image(x, p, float("-inf")), k, s)
    N, C, kh, kw, oh, ow = cols.size()
    vals, idx = cols.reshape(N, C, kh * kw, oh, ow).max(2)
    ri = idx.div(kw, rounding_mode="floor") + torch.arange(oh).reshape(-1, 1) * s[0] - p[0]
    ci = idx % kw + torch.arange(ow).reshape(1, -1) * s[1] - p[1]
    return vals, ri * x.size(3) + ci

# %%
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window % 2 == 0 or window < 1:
        raise ValueError("window has to be an odd number")
    if sigma <= 0:
        raise ValueError("sigma has to be positive")
    N, C, H, W = x.size()
    g = gauss2d(window, sigma, x.dtype)
    k = g.reshape(1, 1, window, window).repeat(1, C, 1, 1)
    total = F.conv2d(torch.ones(1, C, H, W, dtype=x.dtype), k, padding=window // 2)
    mean = F.conv2d(x, k, padding=window // 2) / total
    v = x - mean
    var = F.conv2d(v * v, k, padding=window // 2) / total
    std = torch.sqrt(var)
    denom = torch.max(std, std.mean(dim=[1, 2, 3], keepdim=True))
    denom = torch.clamp(denom, min=eps)
    return v / denom
