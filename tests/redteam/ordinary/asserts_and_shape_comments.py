"""Solves: output_size, im2col, conv2d, conv2d_backward, max_pool2d."""

# %%
def output_size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("parameters out of range")
    total = n + 2 * p               # padded length
    reach = d * (k - 1) + 1         # dilated kernel
    if reach > total:
        raise ValueError("kernel does not fit the padded axis")
    out = (total - reach) // s + 1
    assert out >= 1
    return out

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    assert x.dim() == 4, "expected N, C, H, W"
    N, C, H, W = x.shape
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride)
    dh, dw = pair(dilation)
    H_out = output_size(H, kh, sh, 0, dh)
    W_out = output_size(W, kw, sw, 0, dw)
    sN, sC, sH, sW = x.stride()
    cols = x.as_strided((N, C, kh, kw, H_out, W_out), (sN, sC, sH * dh, sW * dw, sH * sh, sW * sw))
    assert cols.shape == (N, C, kh, kw, H_out, W_out)
    return cols

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    N, C, H, W = x.shape
    C_out, C_w, kh, kw = w.shape
    if C != C_w:
        raise ValueError(f"image has {C} channels, kernel {C_w}")
    ph, pw = pair(padding)
    x = F.pad(x, (pw, pw, ph, ph))                          # N, C, H + 2ph, W + 2pw
    cols = im2col(x, (kh, kw), stride, dilation)            # N, C, kh, kw, H_out, W_out
    H_out, W_out = cols.shape[4:]
    cols = cols.permute(0, 4, 5, 1, 2, 3)                   # N, H_out, W_out, C, kh, kw
    cols = cols.reshape(N * H_out * W_out, C * kh * kw)
    weight = w.reshape(C_out, C * kh * kw).t()              # C*kh*kw, C_out
    y = cols @ weight                                       # N*H_out*W_out, C_out
    if b is not None:
        y = y + b
    return y.reshape(N, H_out, W_out, C_out).permute(0, 3, 1, 2)

# %%
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    N, C, H, W = x.shape
    C_out, _, kh, kw = w.shape
    sh, sw = pair(stride)
    ph, pw = pair(padding)
    H_out = output_size(H, kh, sh, ph)
    W_out = output_size(W, kw, sw, pw)
    if tuple(grad_out.shape) != (N, C_out, H_out, W_out):
        raise ValueError("grad_out must have the shape of the output")
    xp = F.pad(x, (pw, pw, ph, ph))
    Hp, Wp = H + 2 * ph, W + 2 * pw

    g = grad_out.permute(0, 2, 3, 1).reshape(N * H_out * W_out, C_out)
    cols = im2col(xp, (kh, kw), (sh, sw)).permute(0, 4, 5, 1, 2, 3).reshape(N * H_out * W_out, C * kh * kw)
    grad_w = (g.t() @ cols).reshape(C_out, C, kh, kw)
    grad_b = g.sum(0)

    # every entry of cols knows its place in xp
    place = im2col(torch.arange(N * C * Hp * Wp).reshape(N, C, Hp, Wp), (kh, kw), (sh, sw))
    place = place.permute(0, 4, 5, 1, 2, 3).reshape(-1)
    grad_cols = (g @ w.reshape(C_out, C * kh * kw)).reshape(-1)
    grad_xp = torch.zeros(N * C * Hp * Wp, dtype=x.dtype)
    grad_xp.scatter_add_(0, place, grad_cols)
    grad_xp = grad_xp.reshape(N, C, Hp, Wp)
    return grad_xp[:, :, ph:ph + H, pw:pw + W], grad_w, grad_b

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    N, C, H, W = x.shape
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride) if stride is not None else (kh, kw)
    ph, pw = pair(padding)
    if kh < 2 * ph or kw < 2 * pw:
        raise ValueError("padding is too large")
    xp = F.pad(x, (pw, pw, ph, ph), value=-float("inf"))
    cols = im2col(xp, (kh, kw), (sh, sw))                   # N, C, kh, kw, H_out, W_out
    H_out, W_out = cols.shape[4:]
    cols = cols.flatten(2, 3)                               # N, C, kh*kw, H_out, W_out
    values, arg = cols.max(dim=2)                           # N, C, H_out, W_out
    i, j = arg // kw, arg % kw
    rows = i + torch.arange(H_out).reshape(1, 1, H_out, 1) * sh - ph
    columns = j + torch.arange(W_out).reshape(1, 1, 1, W_out) * sw - pw
    indices = rows * W + columns
    return values, indices
