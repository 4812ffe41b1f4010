"""Exchanges the two offsets."""

FAILS = {"bed_of_nails": "wrong"}
HINT = "You probably exchanged the two halves of the offset; try one that moves along a single axis."


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if not (0 <= ow < sh and 0 <= oh < sw):
        oh = ow = 0
    if sh < 1 or sw < 1 or not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, sh * h, sw * w)
    y[:, :, ow::sh, oh::sw] = x
    return y
