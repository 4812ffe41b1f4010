"""Clears the caller's own map afterwards."""

FAILS = {"upsample_nearest": "wrong"}
HINT = "You probably changed x itself; make a copy first if you have to change something."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, c, h, w = x.shape
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, fh, -1, fw)
    y = blocks.reshape(n, c, fh * h, fw * w).clone()
    x.detach().zero_()
    return y
