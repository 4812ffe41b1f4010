"""Solves: output_size."""

# %%
def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError('not possible with these numbers')
    if d * (k - 1) + 1 > n + 2 * p:
        raise ValueError('window larger than image')
    return (n + 2 * p - d * (k - 1) - 1) // s + 1

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    # this copies, I did not get as_strided to work with dilation
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride)
    dh, dw = pair(dilation)
    N, C, H, W = x.shape
    return F.unfold(x, (kh, kw), (dh, dw), 0, (sh, sw)).view(N, C, kh, kw, output_size(H, kh, sh, 0, dh), output_size(W, kw, sw, 0, dw))

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    ph, pw = pair(padding)
    x = F.pad(x, (ph, ph, pw, pw))
    cols = im2col(x, w.shape[2:], stride, dilation)
    return torch.einsum('ncijhw,ocij->nohw', cols, w) + (0 if b is None else b)

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    ph, pw = pair(padding)
    cols = im2col(F.pad(x, (pw, pw, ph, ph)), kernel_size, stride)
    vals, idx = cols.flatten(2, 3).max(2)
    return vals, idx
