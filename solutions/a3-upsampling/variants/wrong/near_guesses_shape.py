"""Lets PyTorch guess an axis of a batch that may be empty."""

FAILS = {"upsample_nearest": "error"}
HINT = "You probably wrote -1 in a shape; think about a batch of no images."


def upsample_nearest(x, factor):
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, _c, h, w = x.shape
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, fh, -1, fw)
    return blocks.reshape(n, -1, fh * h, fw * w)
