"""The transposed layer as what autograd sends back through a convolution of one's own; kernels from an impulse."""

import numpy as np
import torch
import torch.nn.functional as F

SOLVES = ("max_unpool2d", "convolution_matrix", "conv_transpose2d", "bilinear_kernel")


def as_pair(v):
    return (v, v) if isinstance(v, int) else v


def max_unpool2d(values, indices, output_size):
    rows, columns = output_size
    if list(values.shape) != list(indices.shape):
        raise ValueError("values and indices differ in shape")
    at = indices.detach().numpy().reshape(-1)
    if at.size and (at.min() < 0 or at.max() >= rows * columns):
        raise ValueError("an index is outside")
    planes = values.shape[0] * values.shape[1]
    plane = np.arange(at.size) // max(1, values.shape[2] * values.shape[3])
    at = at + plane * rows * columns
    # NumPy finds out which value stays; PyTorch puts it there, so that gradients find their way.
    order = np.lexsort((values.detach().double().numpy().reshape(-1), at))
    last = np.append(at[order][1:] != at[order][:-1], True)[: at.size]
    stays = torch.from_numpy(order[last])
    y = values.new_zeros(planes * rows * columns)
    y = y.index_put((torch.from_numpy(at)[stays],), values.reshape(-1)[stays])
    return y.reshape(*values.shape[:2], rows, columns)


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    outputs, inputs, k = kernel.shape
    reach = dilation * (k - 1) + 1
    if stride < 1 or dilation < 1 or padding < 0 or reach > n + 2 * padding:
        raise ValueError("no such layer")
    m = (n + 2 * padding - reach) // stride + 1
    spread = kernel.new_zeros(outputs, inputs, reach)
    spread[..., ::dilation] = kernel
    # A window of n samples that moves left over the kernel, with zeros on both sides, sees one row after the other.
    edge = stride * (m - 1) + n + padding
    line = F.pad(spread, (edge, edge))
    starts = edge + padding - stride * torch.arange(m)
    return line.unfold(2, n, 1)[:, :, starts].transpose(1, 2).reshape(outputs * m, inputs * n)


def conv_transpose2d(x, w, b=None, stride=1, padding=0, output_padding=0, dilation=1):
    (sh, sw), (ph, pw), (qh, qw), (dh, dw) = map(as_pair, (stride, padding, output_padding, dilation))
    if x.shape[1] != w.shape[0]:
        raise ValueError("channels")
    if qh >= max(sh, dh) or qw >= max(sw, dw):
        raise ValueError("output padding")
    down, right = dh * (w.shape[2] - 1) + 1, dw * (w.shape[3] - 1) + 1
    rows, columns = sh * (x.shape[2] - 1) + down + qh, sw * (x.shape[3] - 1) + right + qw
    if rows - 2 * ph < 1 or columns - 2 * pw < 1:
        raise ValueError("size")
    with torch.enable_grad():
        image = torch.zeros(x.shape[0], w.shape[1], rows, columns, dtype=x.dtype, requires_grad=True)
        windows = image.unfold(2, down, sh).unfold(3, right, sw)[:, :, : x.shape[2], : x.shape[3], ::dh, ::dw]
        y = torch.einsum("nouvab,coab->ncuv", windows, w)
        (back,) = torch.autograd.grad(y, image, x, create_graph=True)
    back = back[:, :, ph : rows - ph, pw : columns - pw]
    return back if b is None else back + b[:, None, None]


def bilinear_kernel(factor, channels):
    fh, fw = as_pair(factor)
    if fh < 1 or fw < 1 or channels < 1:
        raise ValueError("too small")
    impulse = torch.zeros(1, 1, 3, 3)
    impulse[..., 1, 1] = 1.0
    answer = F.interpolate(impulse, scale_factor=(fh, fw), mode="bilinear", align_corners=False)[0, 0]
    kernel = answer[(fh + fh % 2) // 2 :, (fw + fw % 2) // 2 :][: 2 * fh - fh % 2, : 2 * fw - fw % 2]
    return torch.eye(channels).view(channels, channels, 1, 1) * kernel
