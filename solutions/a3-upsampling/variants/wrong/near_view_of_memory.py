"""Takes it for granted that the map is contiguous."""

FAILS = {"upsample_nearest": "wrong"}
HINT = "You probably used `view` or strides of your own; look at what happens for a transposed map."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, c, h, w = x.shape
    blocks = x.as_strided((n, c, h, fh, w, fw), (c * h * w, h * w, w, 0, 1, 0))
    return blocks.reshape(n, c, fh * h, fw * w)
