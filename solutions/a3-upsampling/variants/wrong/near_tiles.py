"""Puts copies of the whole map side by side."""

FAILS = {"upsample_nearest": "wrong"}
HINT = (
    "You probably used `repeat` or `tile` on the map itself; look at which pixels are neighbours in the "
    "example of the text."
)


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, c, h, w = x.shape
    return x.repeat(1, 1, fh, fw).reshape(n, c, fh * h, fw * w)
