"""Goes through the channels one by one."""

import torch

FAILS = {"convolutionalise": "loops"}
HINT = "You loop over the channels; a reshape sees all of them at once."


def convolutionalise(weight, bias, window, mean=None, std=None, order="chw"):
    h, w = window if isinstance(window, tuple) else (window, window)
    outputs, inputs = weight.shape
    channels = inputs // (h * w)
    if channels * h * w != inputs or order not in ("chw", "hwc"):
        raise ValueError("no such classifier")
    for values, entries in ((bias, outputs), (mean, channels), (std, channels)):
        if values is not None and values.shape != (entries,):
            raise ValueError("another length")
    if order == "chw":
        maps = [weight[:, c * h * w : (c + 1) * h * w].reshape(outputs, h, w) for c in range(channels)]
        kernel = torch.stack(maps, 1)
    else:
        kernel = torch.stack([weight[:, c::channels].reshape(outputs, h, w) for c in range(channels)], 1)
    if std is not None:
        kernel = kernel / std[:, None, None]
    total = weight.new_zeros(outputs) if bias is None else bias
    if mean is not None:
        total = total - (kernel * mean[:, None, None]).sum((1, 2, 3))
    return kernel, total
