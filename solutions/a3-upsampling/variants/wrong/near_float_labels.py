"""Computes in floating point and rounds labels."""

FAILS = {"upsample_nearest": "wrong"}
HINT = (
    "You probably went through floating point on the way; look at what becomes of a very large whole number, "
    "and of its dtype."
)


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, c, h, w = x.shape
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, fh, -1, fw)
    return blocks.double().reshape(n, c, fh * h, fw * w).to(x.dtype)
