"""Fills one row after the other."""

FAILS = {"convolution_matrix": "loops"}
HINT = "You probably go through the rows one after the other; all entries can be asked at once which weight they hold."


def convolution_matrix(kernel, n, stride=1, padding=0, dilation=1):
    outputs, inputs, k = kernel.shape
    reach = dilation * (k - 1) + 1
    if stride < 1 or dilation < 1 or padding < 0 or reach > n + 2 * padding:
        raise ValueError("there is no such convolution")
    m = (n + 2 * padding - reach) // stride + 1
    padded = kernel.new_zeros(outputs, m, inputs, n + 2 * padding)
    for row in range(m):
        start = row * stride
        padded[:, row, :, start : start + reach : dilation] = kernel
    return padded[..., padding : padding + n].reshape(outputs * m, inputs * n)
