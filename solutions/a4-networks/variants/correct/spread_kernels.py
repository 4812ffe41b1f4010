"""Every output channel gets a kernel as large as twice the image, with zeros between its weights, and windows slide."""

import torch
import torch.nn.functional as F

SOLVES = ("dilated_conv2d",)


def dilated_conv2d(x, w, dilations=1):
    outputs, channels, kh, kw = w.shape
    if x.shape[1] != channels:
        raise ValueError("the channels disagree")
    if not isinstance(dilations, torch.Tensor):
        dilations = torch.tensor((dilations, dilations) if isinstance(dilations, int) else dilations)
        dilations = dilations.repeat(outputs, 1)
    if dilations.ndim != 2 or len(dilations) != outputs or dilations.shape[1] != 2 or not (dilations > 0).all():
        raise ValueError("the dilations do not fit")
    height, width = x.shape[2:]
    # Place (height - 1, width - 1) of a spread kernel lies on the pixel itself; what is further away than the image is
    # long goes to a row and a column at the end, which are cut off.
    rows = height - 1 + dilations[:, :1] * torch.arange(kh) - dilations[:, :1] * (kh - 1) // 2
    columns = width - 1 + dilations[:, 1:] * torch.arange(kw) - dilations[:, 1:] * (kw - 1) // 2
    rows = torch.where((rows >= 0) & (rows < 2 * height - 1), rows, 2 * height - 1)
    columns = torch.where((columns >= 0) & (columns < 2 * width - 1), columns, 2 * width - 1)
    spread = w.new_zeros(outputs, 2 * height, 2 * width, channels).index_put(
        (torch.arange(outputs)[:, None, None], rows[:, :, None], columns[:, None, :]),
        w.permute(0, 2, 3, 1),
        accumulate=True,
    )[:, :-1, :-1]
    surrounded = F.pad(x, (width - 1, width - 1, height - 1, height - 1))
    windows = surrounded.unfold(2, 2 * height - 1, 1).unfold(3, 2 * width - 1, 1)  # N, C, H, W, 2H - 1, 2W - 1
    return torch.tensordot(windows, spread, dims=([1, 4, 5], [3, 1, 2])).permute(0, 3, 1, 2)
