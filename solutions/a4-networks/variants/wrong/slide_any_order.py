"""Takes every other order for channels last."""

FAILS = {"convolutionalise": "wrong"}
HINT = "You probably ask for one order and take everything else for the other; any other word should be refused."


def convolutionalise(weight, bias, window, mean=None, std=None, order="chw"):
    h, w = window if isinstance(window, tuple) else (window, window)
    outputs, inputs = weight.shape
    channels = inputs // (h * w)
    if channels * h * w != inputs:
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
    total = weight.new_zeros(outputs) if bias is None else bias
    if mean is not None:
        total = total - (kernel * mean[:, None, None]).sum((1, 2, 3))
    return kernel, total
