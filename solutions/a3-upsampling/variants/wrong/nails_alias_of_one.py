"""Returns a detached map where the stride is 1."""

FAILS = {"bed_of_nails": "wrong"}
HINT = "You probably have a branch of its own for stride 1; look at whether gradients come through it."


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1 or not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset is outside of the cell")
    if sh == sw == 1:
        return x.detach()
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, sh * h, sw * w)
    y[:, :, oh::sh, ow::sw] = x
    return y
