"""Solves: output_size, im2col, conv2d, conv2d_backward, max_pool2d, local_contrast_norm."""

# %%
def output_size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
    """How many windows of ``k`` pixels fit into ``n`` pixels with stride ``s``, padding ``p`` and dilation ``d``."""
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError(f"invalid parameters: k={k}, s={s}, p={p}, d={d}")
    span = d * (k - 1) + 1
    if n + 2 * p < span:
        raise ValueError(f"a window of {span} pixels does not fit into {n + 2 * p} pixels")
    return (n + 2 * p - span) // s + 1


# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride)
    dh, dw = pair(dilation)
    n, c, h, w = x.shape
    h_out = output_size(h, kh, sh, 0, dh)
    w_out = output_size(w, kw, sw, 0, dw)
    st_n, st_c, st_h, st_w = x.stride()
    return x.as_strided(
        (n, c, kh, kw, h_out, w_out),
        (st_n, st_c, st_h * dh, st_w * dw, st_h * sh, st_w * sw),
    )


# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"x has {x.shape[1]} channels but w expects {w.shape[1]}")
    ph, pw = pair(padding)
    x = F.pad(x, (pw, pw, ph, ph))
    cols = im2col(x, tuple(w.shape[2:]), stride, dilation)
    y = torch.einsum("ncijuv,ocij->nouv", cols, w)
    if b is not None:
        y = y + b.view(1, -1, 1, 1)
    return y


# %%
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    sh, sw = pair(stride)
    ph, pw = pair(padding)
    n, c, h, wd = x.shape
    c_out, _, kh, kw = w.shape
    h_out = output_size(h, kh, sh, ph)
    w_out = output_size(wd, kw, sw, pw)
    if tuple(grad_out.shape) != (n, c_out, h_out, w_out):
        raise ValueError(f"grad_out should have shape {(n, c_out, h_out, w_out)}, got {tuple(grad_out.shape)}")

    # bias
    grad_b = grad_out.sum(dim=(0, 2, 3))

    # weights: correlate the padded image with grad_out
    x_pad = F.pad(x, (pw, pw, ph, ph))
    cols = im2col(x_pad, (kh, kw), (sh, sw))
    grad_w = torch.einsum("ncijuv,nouv->ocij", cols, grad_out)

    # image: dilate grad_out, pad it, correlate with the flipped kernel
    hp, wp = x_pad.shape[2:]
    g = grad_out.new_zeros(n, c_out, hp + kh - 1, wp + kw - 1)
    g[:, :, kh - 1 : kh - 1 + (h_out - 1) * sh + 1 : sh, kw - 1 : kw - 1 + (w_out - 1) * sw + 1 : sw] = grad_out
    g_cols = im2col(g, (kh, kw))
    grad_x = torch.einsum("noijuv,ocij->ncuv", g_cols, w.flip(2, 3))
    return grad_x[:, :, ph : ph + h, pw : pw + wd], grad_w, grad_b


# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride if stride is not None else kernel_size)
    ph, pw = pair(padding)
    if 2 * ph > kh or 2 * pw > kw:
        raise ValueError("padding must be at most half of the kernel size")
    n, c, h, w = x.shape
    x_pad = F.pad(x, (pw, pw, ph, ph), value=float("-inf"))
    cols = im2col(x_pad, (kh, kw), (sh, sw))
    h_out, w_out = cols.shape[-2:]
    values, flat = cols.reshape(n, c, kh * kw, h_out, w_out).max(dim=2)
    rows = torch.arange(h_out).view(-1, 1) * sh + flat // kw - ph
    columns = torch.arange(w_out) * sw + flat % kw - pw
    return values, rows * w + columns


# %%
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1 or window % 2 == 0:
        raise ValueError("window must be odd and at least 1")
    if sigma <= 0:
        raise ValueError("sigma must be positive")
    r = window // 2
    i = torch.arange(-r, r + 1, dtype=x.dtype)
    g = torch.exp(-(i[:, None] ** 2 + i[None, :] ** 2) / (2 * sigma**2))
    c = x.shape[1]
    kernel = g.expand(1, c, window, window)
    norm = F.conv2d(torch.ones_like(x[:1]) if len(x) else x.new_ones(1, *x.shape[1:]), kernel, padding=r)

    def local_mean(m):
        return F.conv2d(m, kernel, padding=r) / norm

    v = x - local_mean(x)
    s = local_mean(v**2).sqrt()
    s_mean = s.mean(dim=(1, 2, 3), keepdim=True)
    return v / torch.maximum(s, s_mean).clamp(min=eps)
