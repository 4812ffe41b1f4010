"""Right, and says so all the time: prints, warnings, a logger, writing to stderr, a plot in passing."""

import logging
import sys
import warnings

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F

SOLVES = ("output_size", "conv2d")

print("score: 0/6")
sys.stderr.write("Traceback (most recent call last): not really\n")
figure = plt.figure()
plt.plot([0, 1], [1, 0])


def output_size(n, k, s=1, p=0, d=1):
    print("output_size", n, k, s, p, d)
    if min(k, s, d) < 1 or p < 0 or n + 2 * p <= d * (k - 1):
        raise ValueError("No window fits hère: «naïve» parameters ✗")
    return (n + 2 * p - d * (k - 1) - 1) // s + 1


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    warnings.warn("this may take a while", stacklevel=2)
    logging.getLogger("conv").error("shape %s", tuple(x.shape))
    (sh, sw), (ph, pw), (dh, dw) = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding, dilation))
    if x.shape[1] != w.shape[1]:
        raise ValueError("those channels do not match")
    padded = F.pad(x, (pw, pw, ph, ph))
    rows, columns = dh * (w.shape[2] - 1) + 1, dw * (w.shape[3] - 1) + 1
    if rows > padded.shape[2] or columns > padded.shape[3]:
        raise ValueError("that kernel does not fit")
    print("windows reach", rows, columns, file=sys.stderr)
    windows = padded.unfold(2, rows, sh).unfold(3, columns, sw)[..., ::dh, ::dw]
    result = torch.einsum("nchwij,ocij->nohw", windows, w)
    return result if b is None else result + b.view(1, -1, 1, 1)
