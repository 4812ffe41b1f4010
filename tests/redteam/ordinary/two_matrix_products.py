"""Solves: output_size, im2col, conv2d, conv2d_backward, max_pool2d, local_contrast_norm."""

# %%
def output_size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("check your parameters, one of them is too small")
    q = n + 2 * p - d * (k - 1) - 1
    if q < 0:
        raise ValueError("the window reaches over the edge everywhere")
    return q // s + 1

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)
    ho, wo = output_size(x.shape[2], kh, sh, 0, dh), output_size(x.shape[3], kw, sw, 0, dw)
    a, b, c, d = x.stride()
    return x.as_strided((x.shape[0], x.shape[1], kh, kw, ho, wo), (a, b, dh * c, dw * d, sh * c, sw * d))

# %%
def matrix(cols):
    """windows as a matrix per image: (N, C*kh*kw, Ho*Wo)"""
    n, c, kh, kw, ho, wo = cols.shape
    return cols.reshape(n, c * kh * kw, ho * wo)

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError("x and w have different channels")
    (ph, pw) = pair(padding)
    cols = im2col(F.pad(x, (pw, pw, ph, ph)), (w.shape[2], w.shape[3]), stride, dilation)
    y = torch.matmul(w.flatten(1), matrix(cols))
    if b is not None:
        y = y + b.unsqueeze(1)
    return y.view(x.shape[0], w.shape[0], cols.shape[4], cols.shape[5])

# %%
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    n, c, h, wid = x.shape
    o, _, kh, kw = w.shape
    ho, wo = output_size(h, kh, sh, ph), output_size(wid, kw, sw, pw)
    if grad_out.shape != torch.Size([n, o, ho, wo]):
        raise ValueError("grad_out does not match the output of the layer")
    xp = F.pad(x, (pw, pw, ph, ph))
    g = grad_out.reshape(n, o, ho * wo)
    grad_w = torch.matmul(g, matrix(im2col(xp, (kh, kw), (sh, sw))).transpose(1, 2)).sum(0).view(o, c, kh, kw)
    spread = torch.zeros(n, o, xp.shape[2] + kh - 1, xp.shape[3] + kw - 1, dtype=x.dtype)
    spread[:, :, kh - 1 : kh + (ho - 1) * sh : sh, kw - 1 : kw + (wo - 1) * sw : sw] = grad_out
    turned = w.flip(2).flip(3).transpose(0, 1).reshape(c, o * kh * kw)
    grad_xp = torch.matmul(turned, matrix(im2col(spread, (kh, kw)))).view(n, c, xp.shape[2], xp.shape[3])
    return grad_xp[:, :, ph : ph + h, pw : pw + wid], grad_w, g.sum(2).sum(0)

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    (sh, sw) = (kh, kw) if stride is None else pair(stride)
    if ph > kh // 2 or pw > kw // 2:
        raise ValueError("the padding is more than half of the kernel")
    cols = im2col(F.pad(x, (pw, pw, ph, ph), value=float("-inf")), (kh, kw), (sh, sw))
    best, at = cols.flatten(2, 3).max(2)
    rows = at // kw + sh * torch.arange(cols.shape[4]).view(-1, 1) - ph
    columns = at % kw + sw * torch.arange(cols.shape[5]).view(1, -1) - pw
    return best, rows * x.shape[3] + columns

# %%
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window < 1 or window % 2 == 0 or sigma <= 0:
        raise ValueError("the window has to be odd and sigma positive")
    r = window // 2
    i = torch.arange(-r, r + 1, dtype=x.dtype)
    g = torch.exp(-(i.view(-1, 1) ** 2 + i.view(1, -1) ** 2) / (2 * sigma**2)).view(1, 1, window, window)
    weights = F.conv2d(x.new_ones(1, 1, x.shape[2], x.shape[3]), g, padding=r)
    blur = lambda m: F.conv2d(m.mean(1, keepdim=True), g, padding=r) / weights
    v = x - blur(x)
    dev = blur(v * v).sqrt()
    return v / dev.clamp(min=eps).maximum(dev.mean((1, 2, 3), keepdim=True))
