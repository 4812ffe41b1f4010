"""Goes through NumPy and loses the gradients."""

import torch

FAILS = {"upsample_nearest": "wrong"}
HINT = "You probably left PyTorch for NumPy or called `detach`; autograd does not see what happens there."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, c, h, w = x.shape
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, fh, -1, fw)
    return torch.from_numpy(blocks.detach().numpy().reshape(n, c, fh * h, fw * w))
