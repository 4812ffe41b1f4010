"""Returns None where there is no bias."""

FAILS = {"convolutionalise": "wrong"}
HINT = "You probably return what you got where the layer has no bias; the text asks for a bias in any case."


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
        kernel = weight.reshape(outputs, h, w, channels).permute(0, 3, 1, 2)
    if std is not None:
        kernel = kernel / std[:, None, None]
    total = bias
    if mean is not None:
        total = (0 if bias is None else bias) - (kernel * mean[:, None, None]).sum((1, 2, 3))
    return kernel, total
