"""Lays every map on a frame of the other's size with `F.pad`, which crops where its numbers are negative."""

import torch.nn.functional as F

SOLVES = ("fcn8s",)


def enlarge(z, kernel, f):
    """Zeros between the scores, and the flipped kernel slides over them: the transposed convolution by hand."""
    n, c, h, w = z.shape
    between = z.new_zeros(n, c, f * (h - 1) + 1, f * (w - 1) + 1)
    between[:, :, ::f, ::f] = z
    kh, kw = kernel.shape[2:]
    between = F.pad(between, (kw - 1, kw - 1, kh - 1, kh - 1))
    return F.conv2d(between, kernel.flip(2, 3).transpose(0, 1))


def fcn8s(s32, s16, s8, kernels, size, offsets=(5, 9, -31)):
    if s16.shape[:2] != s32.shape[:2] or s8.shape[:2] != s32.shape[:2]:
        raise ValueError("unlike maps")
    down, right = zip(*((o, o) if isinstance(o, int) else o for o in offsets), strict=True)

    def fuse(u, s, dh, dw):
        # Both maps lose what lies before the other one's beginning, and then what lies behind its end.
        u = F.pad(u, (min(dw, 0), 0, min(dh, 0), 0)) if -dh < u.shape[2] and -dw < u.shape[3] else u[:, :, :0]
        s = F.pad(s, (min(-dw, 0), 0, min(-dh, 0), 0)) if dh < s.shape[2] and dw < s.shape[3] else s[:, :, :0]
        h, w = min(u.shape[2], s.shape[2]), min(u.shape[3], s.shape[3])
        if h == 0 or w == 0:
            raise ValueError("nothing in common")
        return u[..., :h, :w] + s[..., :h, :w]

    z = fuse(enlarge(s32, kernels[0], 2), s16, down[0], right[0])
    z = fuse(enlarge(z, kernels[1], 2), s8, down[1], right[1])
    z = enlarge(z, kernels[2], 8)
    below, beside = size[0] - down[2] - z.shape[2], size[1] - right[2] - z.shape[3]
    if down[2] > 0 or right[2] > 0 or below > 0 or beside > 0:
        raise ValueError("a pixel without a score")
    return F.pad(z, (right[2], beside, down[2], below))
