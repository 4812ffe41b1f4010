"""Compares each offset with the other axis's stride."""

FAILS = {"bed_of_nails": "error"}
HINT = (
    "You probably compare the vertical offset with the horizontal stride; try a stride and an offset with "
    "unlike halves."
)


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1 or not (0 <= oh < sw and 0 <= ow < sh):
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, sh * h, sw * w)
    y[:, :, oh % sh :: sh, ow % sw :: sw] = x
    return y
