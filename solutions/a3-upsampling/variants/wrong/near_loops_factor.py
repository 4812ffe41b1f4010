"""Writes one shifted copy for each place of a block."""

FAILS = {"upsample_nearest": "loops"}
HINT = "You probably go through the places of a block; they can all be filled at once."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, fh * h, fw * w)
    for i in range(fh):
        for j in range(fw):
            y[:, :, i::fh, j::fw] = x
    return y
