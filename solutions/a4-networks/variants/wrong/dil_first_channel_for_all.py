"""Uses the first channel's pair for all."""

import torch

FAILS = {"dilated_conv2d": "wrong"}
HINT = "You probably use one pair for all output channels; look at the first axis of your table of rows."


def reads(size, k, d):
    start = torch.arange(size) - (d * (k - 1) // 2)[:, None, None]
    return start + d[:, None, None] * torch.arange(k)[:, None]


def dilated_conv2d(x, w, dilations=1):
    (height, width), (outputs, channels, kh, kw) = x.shape[2:], w.shape
    if x.shape[1] != channels:
        raise ValueError("channels disagree")
    if not isinstance(dilations, torch.Tensor):
        both = dilations if isinstance(dilations, tuple) else (dilations, dilations)
        dilations = torch.tensor(both).expand(outputs, 2)
    if dilations.shape != (outputs, 2):
        raise ValueError("a pair for each output channel")
    if (dilations < 1).any():
        raise ValueError("a dilation below one")
    dilations = dilations[:1].expand(outputs, 2)
    rows, columns = reads(height, kh, dilations[:, 0]), reads(width, kw, dilations[:, 1])
    rows, columns = rows[:, :, None, :, None], columns[:, None, :, None, :]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    pixels = x[:, :, rows.clamp(0, height - 1), columns.clamp(0, width - 1)]
    pixels = torch.where(inside, pixels, 0)
    return torch.einsum("ncoaeij,ocae->noij", pixels, w)
