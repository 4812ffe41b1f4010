"""Asks the classifier itself: its answers to single lit values are the kernel, and its answer to zeros the bias."""

import torch
import torch.nn.functional as F

SOLVES = ("convolutionalise",)


def convolutionalise(weight, bias, window, mean=None, std=None, order="chw"):
    h, w = (window, window) if isinstance(window, int) else window
    outputs, row = weight.shape
    if row % (h * w) or order not in ["chw", "hwc"]:
        raise ValueError("no such layer")
    c = row // (h * w)
    if bias is not None and bias.shape != torch.Size([outputs]):
        raise ValueError("bias")
    if (mean is not None and mean.shape != torch.Size([c])) or (std is not None and std.shape != torch.Size([c])):
        raise ValueError("channels")
    lit = torch.eye(row, dtype=weight.dtype).view(row, c, h, w)
    dark = torch.zeros(1, c, h, w, dtype=weight.dtype)

    def classify(x):
        if std is not None:
            x = x / std[:, None, None]
        return F.linear(x.flatten(1) if order == "chw" else x.permute(0, 2, 3, 1).flatten(1), weight)

    kernel = classify(lit).T.reshape(outputs, c, h, w)
    zero = dark if mean is None else dark - mean[:, None, None]
    answer = classify(zero)[0]
    return kernel, answer if bias is None else bias + answer
