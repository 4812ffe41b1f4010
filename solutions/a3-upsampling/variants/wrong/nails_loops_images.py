"""Writes one image after the other."""

FAILS = {"bed_of_nails": "loops"}
HINT = (
    "You probably go through the images one after the other; an axis that is not named in an assignment is taken whole."
)


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1 or not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, sh * h, sw * w)
    for image in range(n):
        y[image, :, oh::sh, ow::sw] = x[image]
    return y
