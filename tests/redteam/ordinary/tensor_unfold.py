"""Solves: output_size, im2col, conv2d, max_pool2d."""

# %%
def output_size(n, k, s=1, p=0, d=1):
    if min(k, s, d) < 1 or p < 0:
        raise ValueError('k, s, d have to be >= 1 and p >= 0')
    out = (n + 2*p - d*(k-1) - 1) // s + 1
    if out <= 0:
        raise ValueError('kernel does not fit in the image')
    return out

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride)
    dh, dw = pair(dilation)
    # will raise ValueError if it does not fit
    output_size(x.shape[2], kh, sh, 0, dh)
    output_size(x.shape[3], kw, sw, 0, dw)
    windows = x.unfold(2, dh*(kh-1)+1, sh).unfold(3, dw*(kw-1)+1, sw)  # N,C,Hout,Wout,eff_h,eff_w
    windows = windows[:, :, :, :, ::dh, ::dw]
    return windows.permute(0, 1, 4, 5, 2, 3)

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    N, C, H, W = x.shape
    C_out, C_in, kh, kw = w.shape
    if C != C_in:
        raise ValueError(f'channel mismatch {C} vs {C_in}')
    ph, pw = pair(padding)
    cols = im2col(F.pad(x, (pw, pw, ph, ph)), (kh, kw), stride, dilation)
    H_out, W_out = cols.shape[-2], cols.shape[-1]
    cols = cols.reshape(N, C*kh*kw, H_out*W_out)
    out = torch.matmul(w.reshape(C_out, C*kh*kw), cols)
    out = out.reshape(N, C_out, H_out, W_out)
    if b is not None:
        out = out + b.reshape(1, C_out, 1, 1)
    return out

# %%
# quick test
torch.manual_seed(0)
x, w, b = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3), torch.randn(4)
print(torch.allclose(conv2d(x, w, b, 2, 1), F.conv2d(x, w, b, 2, 1), atol=1e-5))

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    kh, kw = pair(kernel_size)
    ph, pw = pair(padding)
    if stride is None:
        stride = kernel_size
    sh, sw = pair(stride)
    if ph > kh / 2 or pw > kw / 2:
        raise ValueError('padding larger than half of kernel')
    N, C, H, W = x.shape
    cols = im2col(F.pad(x, (pw, pw, ph, ph), value=-torch.inf), kernel_size, stride)
    Ho, Wo = cols.shape[-2:]
    cols = cols.reshape(N, C, kh*kw, Ho, Wo)
    values, arg = torch.max(cols, dim=2)
    r = arg // kw + sh * torch.arange(Ho)[:, None] - ph
    c = arg % kw + sw * torch.arange(Wo)[None, :] - pw
    return values, r * W + c
