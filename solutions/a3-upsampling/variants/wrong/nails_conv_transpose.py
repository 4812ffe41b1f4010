"""Uses a transposed convolution with a single weight."""

import torch
import torch.nn.functional as F

FAILS = {"bed_of_nails": "forbidden"}
HINT = "You called a transposed convolution, which is off limits here; a slice with a step is enough."


def bed_of_nails(x, stride, offset=0):
    (sh, sw), (oh, ow) = (v if isinstance(v, tuple) else (v, v) for v in (stride, offset))
    if sh < 1 or sw < 1 or not (0 <= oh < sh and 0 <= ow < sw):
        raise ValueError("the offset is outside of the cell")
    _n, c, _h, _w = x.shape
    nail = torch.zeros(c, 1, sh, sw, dtype=x.dtype)
    nail[:, :, oh, ow] = 1
    return F.conv_transpose2d(x, nail, stride=(sh, sw), groups=c)
