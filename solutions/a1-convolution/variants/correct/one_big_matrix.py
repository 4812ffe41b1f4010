"""The layer as the matrix that it is: mostly zeros, the same weights in every row, transposed for the way back."""

import torch

SOLVES = ("conv2d", "conv2d_backward")


def pairs(v):
    return (v, v) if isinstance(v, int) else v


def places(x, w, stride, padding, dilation):
    """For each output pixel and kernel place: its index in the plane, and whether it is inside the image."""
    axes = []
    for axis in (0, 1):
        n, k = x.shape[2 + axis], w.shape[2 + axis]
        s, p, d = pairs(stride)[axis], pairs(padding)[axis], pairs(dilation)[axis]
        room = n + 2 * p - d * (k - 1) - 1
        if room < 0:
            raise ValueError("the kernel does not fit into the image")
        axes.append((torch.arange(room // s + 1) * s - p)[:, None] + torch.arange(k) * d)
    rows, columns = axes[0][:, None, :, None], axes[1][None, :, None, :]
    inside = (rows >= 0) & (rows < x.shape[2]) & (columns >= 0) & (columns < x.shape[3])
    return (rows * x.shape[3] + columns) * inside, inside


def matrix(x, w, stride, padding, dilation=1):
    """Shape (C_out, Ho·Wo, C, H·W)."""
    index, inside = places(x, w, stride, padding, dilation)
    outputs = index.shape[0] * index.shape[1]
    # One-hot rows say which pixel each kernel place sees; the kernel weighs them.
    hot = torch.nn.functional.one_hot(index.view(outputs, -1), x.shape[2] * x.shape[3]).to(w.dtype)
    hot = hot * inside.view(outputs, -1, 1)
    return torch.einsum("pkq,ock->opcq", hot, w.flatten(2)), index.shape[:2], hot


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    if w.shape[1] != x.shape[1]:
        raise ValueError("w needs as many input channels as x has")
    big, size, _ = matrix(x, w, stride, padding, dilation)
    y = torch.einsum("opcq,ncq->nop", big, x.flatten(2))
    y = y if b is None else y + b.unsqueeze(-1)
    return y.unflatten(-1, size)


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    big, size, hot = matrix(x, w, stride, padding)
    if grad_out.shape != (x.shape[0], w.shape[0], *size):
        raise ValueError("grad_out is not a gradient of this layer")
    g = grad_out.flatten(2)
    grad_x = torch.einsum("opcq,nop->ncq", big, g).view(x.shape)
    grad_w = torch.einsum("nop,ncpk->ock", g, torch.einsum("pkq,ncq->ncpk", hot, x.flatten(2))).view(w.shape)
    return grad_x, grad_w, g.sum((0, 2))
