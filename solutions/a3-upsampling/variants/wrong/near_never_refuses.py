"""Clamps the factor instead of refusing it."""

FAILS = {"upsample_nearest": "wrong"}
HINT = "You probably turn a factor that makes no sense into one that does; the text asks for an error."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    fh, fw = max(fh, 1), max(fw, 1)
    n, c, h, w = x.shape
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, fh, -1, fw)
    return blocks.reshape(n, c, fh * h, fw * w)
