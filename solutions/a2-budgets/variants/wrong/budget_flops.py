"""Counts a multiplication and its addition as two."""

import torch

FAILS = {"budget": "wrong"}
HINT = "You probably counted floating-point operations: a MAC is a multiplication and an addition together."


def budget(table, height, width, channels):
    if table.ndim != 2 or table.shape[1] != 5:
        raise ValueError("the table should have five columns")
    table = table.long()
    kernel, stride, made, groups, normalised = table.unbind(1)
    if min(height, width, channels) < 1 or (table[:, :3] < 1).any() or (groups < 0).any():
        raise ValueError("a number is too small")
    taken = torch.cat([made.new_tensor([channels]), made])[:-1]
    pools, split = groups == 0, groups.clamp(min=1)
    if (taken % split).any() or (made % split).any() or (pools & (made != taken)).any():
        raise ValueError("channels do not fit")
    if ((normalised < 0) | (normalised > 1) | (pools & (normalised == 1))).any():
        raise ValueError("the last column should be 0 or 1")
    jump = stride.cumprod(0)
    rows, columns = -(-height // jump), -(-width // jump)
    weights = taken // split * made * kernel**2 * ~pools
    parameters = weights + made * (1 + normalised) * ~pools
    activations = made * rows * columns
    macs = 2 * weights * rows * columns
    return parameters, activations, macs
