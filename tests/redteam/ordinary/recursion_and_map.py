"""Loops: output_size, max_pool2d."""

# %%
def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("a parameter makes no sense")
    reach = d * (k - 1) + 1
    count = 0
    start = -p
    while start + reach <= n + p:
        count += 1
        start += s
    if count == 0:
        raise ValueError("no window fits in here")
    return count

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    kh, kw = pair(kernel_size)
    sh, sw = pair(kernel_size if stride is None else stride)
    ph, pw = pair(padding)
    if 2 * ph > kh or 2 * pw > kw:
        raise ValueError("padding is too large for the kernel")
    H, W = x.shape[2:]
    ho, wo = (H + 2 * ph - kh) // sh + 1, (W + 2 * pw - kw) // sw + 1
    if ho < 1 or wo < 1:
        raise ValueError("the window is too large")

    def window(uv):
        u, v = uv
        t, l = max(0, u * sh - ph), max(0, v * sw - pw)
        part = x[:, :, t : u * sh - ph + kh, l : v * sw - pw + kw]
        value, at = part.flatten(2).max(-1)
        return value, (t + at // part.shape[3]) * W + l + at % part.shape[3]

    both = list(map(window, [(u, v) for u in range(ho) for v in range(wo)]))
    values = torch.stack([value for value, _ in both], -1).view(*x.shape[:2], ho, wo)
    indices = torch.stack([at for _, at in both], -1).view(*x.shape[:2], ho, wo)
    return values, indices
