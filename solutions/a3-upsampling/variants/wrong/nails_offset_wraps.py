"""Takes negative offsets from the end of the cell."""

FAILS = {"bed_of_nails": "wrong"}
HINT = "You probably let an offset that is outside come in at the other side; the text asks for an error."


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1:
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, sh * h, sw * w)
    y[:, :, oh % sh :: sh, ow % sw :: sw] = x
    return y
