"""Takes the horizontal factor from the front of the pair."""

FAILS = {"upsample_nearest": "wrong"}
HINT = "You probably took the pair as (horizontal, vertical); look at which axis of x has the rows."


def upsample_nearest(x, factor):
    fw, fh = factor if isinstance(factor, tuple) else (factor, factor)
    if fh < 1 or fw < 1:
        raise ValueError("a factor is too small")
    n, c, h, w = x.shape
    blocks = x[:, :, :, None, :, None].expand(-1, -1, -1, fh, -1, fw)
    return blocks.reshape(n, c, fh * h, fw * w)
