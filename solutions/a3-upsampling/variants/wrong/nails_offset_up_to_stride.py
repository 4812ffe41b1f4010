"""Allows an offset as large as the stride."""

FAILS = {"bed_of_nails": "wrong"}
HINT = "You probably compare with <= where < belongs; count the places of a cell from 0."


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1 or not (0 <= oh <= sh and 0 <= ow <= sw):
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, sh * h, sw * w)
    y[:, :, oh % sh :: sh, ow % sw :: sw] = x
    return y
