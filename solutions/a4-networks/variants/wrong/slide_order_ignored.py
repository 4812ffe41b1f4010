"""Takes every row for channels first."""

FAILS = {"convolutionalise": "wrong"}
HINT = "You probably do not look at the order; a row with the channels last has to be taken apart in another way."


def convolutionalise(weight, bias, window, mean=None, std=None, order="chw"):
    h, w = window if isinstance(window, tuple) else (window, window)
    outputs, inputs = weight.shape
    channels = inputs // (h * w)
    if channels * h * w != inputs or order not in ("chw", "hwc"):
        raise ValueError("no such classifier")
    for values, entries in ((bias, outputs), (mean, channels), (std, channels)):
        if values is not None and values.shape != (entries,):
            raise ValueError("another length")
    kernel = weight.reshape(outputs, channels, h, w)
    if std is not None:
        kernel = kernel / std[:, None, None]
    total = weight.new_zeros(outputs) if bias is None else bias
    if mean is not None:
        total = total - (kernel * mean[:, None, None]).sum((1, 2, 3))
    return kernel, total
