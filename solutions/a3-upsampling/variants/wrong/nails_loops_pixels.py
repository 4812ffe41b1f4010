"""Writes one column after the other."""

FAILS = {"bed_of_nails": "loops"}
HINT = "You probably go through rows or columns one after the other; a slice with a step takes them all."


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1 or not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, sh * h, sw * w)
    for j in range(w):
        y[:, :, oh::sh, j * sw + ow] = x[..., j]
    return y
