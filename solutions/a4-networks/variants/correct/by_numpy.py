"""NumPy reshapes and multiplies, and PyTorch gets the result."""

import numpy as np
import torch

SOLVES = ("convolutionalise",)


def convolutionalise(weight, bias, window, mean=None, std=None, order="chw"):
    h, w = np.broadcast_to(window, 2).tolist()
    matrix = weight.detach().numpy()
    if matrix.shape[1] % (h * w):
        raise ValueError("row")
    c = matrix.shape[1] // (h * w)
    if (bias is not None and bias.shape != (len(matrix),)) or any(
        v is not None and v.shape != (c,) for v in (mean, std)
    ):
        raise ValueError("lengths")
    if order == "chw":
        kernel = matrix.reshape(-1 if len(matrix) else 0, c, h, w).copy()
    elif order == "hwc":
        kernel = np.moveaxis(matrix.reshape(len(matrix), h, w, c), -1, 1).copy()
    else:
        raise ValueError("order")
    if std is not None:
        kernel /= std.numpy().reshape(c, 1, 1)
    out = np.zeros(len(matrix), matrix.dtype) if bias is None else bias.numpy().copy()
    if mean is not None:
        out -= np.tensordot(kernel, np.broadcast_to(mean.numpy()[:, None, None], (c, h, w)), 3)
    return torch.from_numpy(kernel), torch.from_numpy(out)
