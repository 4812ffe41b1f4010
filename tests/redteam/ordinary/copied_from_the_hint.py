"""Solves: im2col."""

# %%
def output_size(n, k, s=1, p=0, d=1):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride)
    dh, dw = pair(dilation)
    ho = output_size(x.shape[2], kh, sh, 0, dh)
    wo = output_size(x.shape[3], kw, sw, 0, dw)
    if ho < 1 or wo < 1:
        raise ValueError("The window does not fit.")
    # when this index grows by one, how far do I move in x?
    n = x.stride(0)
    c = x.stride(1)
    i = dh * x.stride(2)
    j = dw * x.stride(3)
    y = sh * x.stride(2)
    z = sw * x.stride(3)
    return x.as_strided((x.shape[0], x.shape[1], kh, kw, ho, wo), (n, c, i, j, y, z))
