"""Returns a detached copy where there is nothing to do."""

FAILS = {"upsample_nearest": "wrong"}
HINT = "You probably have a branch of its own for factor 1; look at whether gradients come through it."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    if (fh, fw) == (1, 1):
        return x.detach().clone()
    n, c, h, w = x.shape
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, fh, -1, fw)
    return blocks.reshape(n, c, fh * h, fw * w)
