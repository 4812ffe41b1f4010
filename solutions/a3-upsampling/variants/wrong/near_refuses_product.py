"""Checks the product of the two factors."""

FAILS = {"upsample_nearest": "wrong"}
HINT = "You probably check both factors by a single number; think about two that are both negative."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh * fw < 1:
        raise ValueError("a factor is too small")
    fh, fw = abs(fh), abs(fw)
    n, c, h, w = x.shape
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, fh, -1, fw)
    return blocks.reshape(n, c, fh * h, fw * w)
