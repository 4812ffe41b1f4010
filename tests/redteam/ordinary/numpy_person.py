"""Solves: output_size, conv2d_backward, max_pool2d."""

# %%
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# %%
def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("bad parameters, please check k, s, p and d")
    size = (n + 2*p - d*(k - 1) - 1)//s + 1
    if size < 1:
        raise ValueError("window too big for the image")
    return size

# %%
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    g, X, K = grad_out.numpy(), x.numpy(), w.numpy()
    sh, sw = pair(stride)
    ph, pw = pair(padding)
    N, C, H, W = X.shape
    O, _, kh, kw = K.shape
    Ho, Wo = output_size(H, kh, sh, ph), output_size(W, kw, sw, pw)
    if g.shape != (N, O, Ho, Wo):
        raise ValueError(f"shape of grad_out is {g.shape} but should be {(N, O, Ho, Wo)}")
    Xp = np.pad(X, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    win = sliding_window_view(Xp, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw]
    gw = np.einsum('nchwij,nohw->ocij', win, g)
    gb = g.sum(axis=(0, 2, 3))
    # transposed convolution
    G = np.zeros((N, O, Xp.shape[2] + kh - 1, Xp.shape[3] + kw - 1), dtype=g.dtype)
    G[:, :, kh-1:kh+(Ho-1)*sh:sh, kw-1:kw+(Wo-1)*sw:sw] = g
    gwin = sliding_window_view(G, (kh, kw), axis=(2, 3))
    gx = np.einsum('nohwij,ocij->nchw', gwin, K[:, :, ::-1, ::-1])
    gx = gx[:, :, ph:ph+H, pw:pw+W]
    return torch.from_numpy(gx.copy()), torch.from_numpy(gw), torch.from_numpy(gb)

# %%
def max_pool2d(x, kernel_size, stride=None, padding=0):
    kh, kw = pair(kernel_size)
    sh, sw = pair(kernel_size) if stride is None else pair(stride)
    ph, pw = pair(padding)
    if ph > kh/2 or pw > kw/2:
        raise ValueError("padding must be smaller than half of the kernel size")
    X = x.detach().numpy()
    N, C, H, W = X.shape
    Ho, Wo = output_size(H, kh, sh, ph), output_size(W, kw, sw, pw)
    Xp = np.pad(X, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)
    win = sliding_window_view(Xp, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw].reshape(N, C, Ho, Wo, kh*kw)
    arg = win.argmax(axis=-1)
    val = win.max(axis=-1)
    row = np.arange(Ho)[:, None]*sh + arg//kw - ph
    col = np.arange(Wo)*sw + arg % kw - pw
    return torch.from_numpy(val), torch.from_numpy(row*W + col)
