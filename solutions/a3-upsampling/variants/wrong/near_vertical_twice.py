"""Uses the vertical factor for both axes."""

FAILS = {"upsample_nearest": "wrong"}
HINT = "You probably used one number of the pair for both axes; try a factor with unlike halves."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    fw = fh
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, c, h, w = x.shape
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, fh, -1, fw)
    return blocks.reshape(n, c, fh * h, fw * w)
