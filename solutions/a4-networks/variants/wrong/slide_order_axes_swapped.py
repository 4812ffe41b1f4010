"""Exchanges rows and columns where the channels are last."""

FAILS = {"convolutionalise": "wrong"}
HINT = (
    "You probably exchange one axis with another where the channels have to move in front of two; look at "
    "where rows and columns end up."
)


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
        kernel = weight.reshape(outputs, channels, h, w)
    else:
        kernel = weight.reshape(outputs, w, h, channels).transpose(1, 3)
    if std is not None:
        kernel = kernel / std[:, None, None]
    total = weight.new_zeros(outputs) if bias is None else bias
    if mean is not None:
        total = total - (kernel * mean[:, None, None]).sum((1, 2, 3))
    return kernel, total
