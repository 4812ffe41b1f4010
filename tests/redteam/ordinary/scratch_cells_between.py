"""Solves: output_size, im2col, conv2d, max_pool2d."""

# %%
%matplotlib inline
import matplotlib.pyplot as plt
import numpy as np

# %%
# scratch
a = torch.arange(20).view(4, 5)
a.stride(), a[:, ::2].stride()

# %%
def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or d < 1:
        raise ValueError("k, s and d must be at least one")
    if p < 0:
        raise ValueError("p must not be negative")
    out = (n + 2 * p - d * (k - 1) - 1) // s + 1
    if out < 1:
        raise ValueError("the window does not fit on the axis")
    return out

# %%
[output_size(n, 3, 2) for n in range(3, 12)]

# %%
def im2col(x, kernel_size, stride=1, dilation=1):
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride)
    dh, dw = pair(dilation)
    N, C, H, W = x.shape
    H_out, W_out = output_size(H, kh, sh, 0, dh), output_size(W, kw, sw, 0, dw)
    sn, sc, srow, scol = x.stride()
    return x.as_strided((N, C, kh, kw, H_out, W_out), (sn, sc, srow*dh, scol*dw, srow*sh, scol*sw))

# %%
t = torch.arange(12.).view(1, 1, 3, 4)
for u in range(2):
    for v in range(3):
        print(im2col(t, 2)[0, 0, :, :, u, v])

# %%
%timeit im2col(t, 2)

# %%
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if x.shape[1] != w.shape[1]:
        raise ValueError("x and w disagree about the channels")
    ph, pw = pair(padding)
    cols = im2col(F.pad(x, (pw, pw, ph, ph)), (w.shape[2], w.shape[3]), stride, dilation)
    y = torch.einsum("ncijyz,ocij->noyz", cols, w)
    if b is not None:
        y = y + b.view(1, -1, 1, 1)
    return y

# %%
# compare with pytorch
for s in (1, 2, 3):
    for p in (0, 1, (1, 2)):
        for d in (1, 2):
            x, w, b = torch.randn(2, 3, 11, 12), torch.randn(4, 3, 3, 2), torch.randn(4)
            mine, theirs = conv2d(x, w, b, s, p, d), F.conv2d(x, w, b, s, p, d)
            assert torch.allclose(mine, theirs, atol=1e-4), (s, p, d)
print("ok!")

# %%
img = torch.rand(1, 1, 16, 16)
fig, axes = plt.subplots(1, 2)
axes[0].imshow(img[0, 0])
axes[1].imshow(conv2d(img, torch.ones(1, 1, 3, 3) / 9)[0, 0])
plt.show()

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    kh, kw = pair(kernel_size)
    sh, sw = pair(stride or kernel_size)
    ph, pw = pair(padding)
    if ph > kh / 2 or pw > kw / 2:
        raise ValueError("padding is more than half of the kernel")
    N, C, H, W = x.shape
    cols = im2col(F.pad(x, (pw, pw, ph, ph), value=-np.inf), (kh, kw), (sh, sw))
    H_out, W_out = cols.shape[-2:]
    values, best = cols.reshape(N, C, kh * kw, H_out, W_out).max(2)
    rows = torch.arange(H_out).view(1, 1, -1, 1) * sh + best // kw - ph
    columns = torch.arange(W_out).view(1, 1, 1, -1) * sw + best % kw - pw
    return values, rows * W + columns

# %%
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    # YOUR CODE HERE
    raise NotImplementedError()
