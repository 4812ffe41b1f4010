"""Uses the vertical stride for both axes."""

FAILS = {"bed_of_nails": "error"}
HINT = "You probably used one number of the pair for both axes; try a stride with unlike halves."


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    sw = sh
    if sh < 1 or sw < 1 or not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, sh * h, sw * w)
    y[:, :, oh::sh, ow::sw] = x
    return y
