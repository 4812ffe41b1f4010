"""Compares images but not classes."""

import torch.nn.functional as F

FAILS = {"fcn8s": "error"}
HINT = "You probably compare the images alone; maps with other classes should be refused as well."


def overlap(large, small, offset):
    first, beyond = max(0, -offset), min(large, small - offset)
    if first >= beyond:
        raise ValueError("nothing in common")
    return slice(first, beyond), slice(first + offset, beyond + offset)


def enlarge(z, kernel, stride):
    return F.conv_transpose2d(z, kernel, stride=stride)


def fcn8s(s32, s16, s8, kernels, size, offsets=(5, 9, -31)):
    if not len(s32) == len(s16) == len(s8):
        raise ValueError("other images or classes")
    offsets = [o if isinstance(o, tuple) else (o, o) for o in offsets]
    z = s32
    for finer, kernel, (down, right) in zip((s16, s8), kernels, offsets, strict=False):
        z = enlarge(z, kernel, 2)
        rows, finer_rows = overlap(z.shape[2], finer.shape[2], down)
        columns, finer_columns = overlap(z.shape[3], finer.shape[3], right)
        z = z[:, :, rows, columns] + finer[:, :, finer_rows, finer_columns]
    z, (down, right) = enlarge(z, kernels[2], 8), offsets[2]
    if down > 0 or right > 0 or z.shape[2] + down < size[0] or z.shape[3] + right < size[1]:
        raise ValueError("a pixel has no score")
    return z[:, :, -down : size[0] - down, -right : size[1] - right]
