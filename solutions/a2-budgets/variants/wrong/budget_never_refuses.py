"""Trusts the table."""

import torch

FAILS = {"budget": "wrong"}
HINT = "You probably did not check the table: what describes no network is refused."


def budget(table, height, width, channels):
    if table.ndim != 2 or table.shape[1] != 5:
        raise ValueError("the table should have five columns")
    table = table.long()
    kernel, stride, made, groups, normalised = table.unbind(1)
    taken = torch.cat([made.new_tensor([channels]), made])[:-1]
    pools, split = groups == 0, groups.clamp(min=1)
    jump = stride.clamp(min=1).cumprod(0)
    rows, columns = -(-height // jump), -(-width // jump)
    weights = taken // split * made * kernel**2 * ~pools
    parameters = weights + made * (1 + normalised) * ~pools
    activations = made * rows * columns
    macs = weights * rows * columns
    return parameters, activations, macs
