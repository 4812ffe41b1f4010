"""Goes through the places of the window."""

FAILS = {"convolutionalise": "loops"}
HINT = "You loop over the places of the window; a reshape lays all of them out at once."


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
        kernel = weight.new_empty(outputs, channels, h, w)
        for a in range(h):
            for e in range(w):
                kernel[:, :, a, e] = weight[:, (a * w + e) * channels : (a * w + e + 1) * channels]
    if std is not None:
        kernel = kernel / std[:, None, None]
    total = weight.new_zeros(outputs) if bias is None else bias
    if mean is not None:
        total = total - (kernel * mean[:, None, None]).sum((1, 2, 3))
    return kernel, total
