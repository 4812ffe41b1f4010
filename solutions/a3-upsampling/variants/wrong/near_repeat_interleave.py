"""Does it as the chapter does."""

FAILS = {"upsample_nearest": "forbidden"}
HINT = "You used `repeat_interleave`, which is off limits here; indexing or `expand` are enough."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    _n, _c, _h, _w = x.shape
    return x.repeat_interleave(fh, 2).repeat_interleave(fw, 3)
