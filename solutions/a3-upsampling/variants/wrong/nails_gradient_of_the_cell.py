"""Sends the gradient of the whole cell back."""

FAILS = {"bed_of_nails": "wrong"}
HINT = (
    "You probably computed the values by a way on which all places of a cell lead back to x; only one of them holds it."
)


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1 or not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset is outside of the cell")
    n, c, h, w = x.shape
    big = x[:, :, :, None, :, None].expand(-1, -1, -1, sh, -1, sw).reshape(n, c, sh * h, sw * w)
    y = x.detach().new_zeros(n, c, sh * h, sw * w)
    y[:, :, oh::sh, ow::sw] = x.detach()
    return y + (big - big.detach()).nan_to_num() if x.is_floating_point() else y
