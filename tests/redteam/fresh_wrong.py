"""Wrong by a mistake that a careful student makes and does not notice, written from the statement of a1-convolution.

Every title names the misconception and an input on which the statement asks for something else.
"""

# ruff: noqa: E501 - students' lines are as long as students' lines

from __future__ import annotations

from autograder.authoring.attacks import CARELESS, Attack

A1 = "a1-convolution"
# What the statement leaves open; by its letter these are wrong.


def wrong(id: str, on: str, title: str, shows: str, cell: str, **more: object) -> Attack:
    """A solution of one exercise of a1 that is wrong on the input that ``shows`` names."""
    title = f"{title} But: {shows}."
    # It may keep the points of the properties that it has; it must not have them all.
    return Attack(
        f"careless-{id}", CARELESS, title, cell.strip("\n"), ("wrong", "error"), keeps=0.99, on=on, only=A1, **more
    )


OUTPUT_SIZE = [
    wrong(
        "true-division",
        "output_size",
        "A number divided with / and rounded down is the quotient.",
        "output_size(2**53 + 2, 2) is 2**53 + 1 and not 2**53",
        """
import math


def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("k, s and d must be at least 1 and p at least 0")
    out = math.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1
    if out < 1:
        raise ValueError("the window does not fit into the axis")
    return out
""",
    ),
    wrong(
        "truncates",
        "output_size",
        "Cutting off the decimals is rounding down, also below zero.",
        "output_size(4, 5, 2) has to be refused",
        """
from fractions import Fraction


def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("k, s and d must be at least 1 and p at least 0")
    out = int(Fraction(n + 2 * p - d * (k - 1) - 1, s)) + 1
    if out < 1:
        raise ValueError("the window does not fit into the axis")
    return out
""",
    ),
    wrong(
        "kernel-larger-than-axis",
        "output_size",
        "A kernel that is larger than the axis cannot fit, padding or not.",
        "output_size(2, 3, p=1) is 2 and must not be refused",
        """
def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("k, s and d must be at least 1 and p at least 0")
    if k > n or d * (k - 1) + 1 > n + 2 * p:
        raise ValueError("the kernel does not fit")
    return (n + 2 * p - d * (k - 1) - 1) // s + 1
""",
    ),
    wrong(
        "an-axis-of-nothing",
        "output_size",
        "An axis without pixels has no windows, even where there is padding.",
        "output_size(0, 3, p=2) is 2 and must not be refused",
        """
def output_size(n, k, s=1, p=0, d=1):
    if n < 1 or k < 1 or s < 1 or d < 1 or p < 0:
        raise ValueError("all sizes must be positive")
    room = n + 2 * p - d * (k - 1) - 1
    if room < 0:
        raise ValueError("the kernel does not fit")
    return room // s + 1
""",
    ),
    wrong(
        "dilation-of-one-pixel",
        "output_size",
        "With one pixel there are no gaps, so the dilation need not be looked at.",
        "output_size(5, 1, d=0) has to be refused",
        """
def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or s < 1 or p < 0:
        raise ValueError("k and s must be at least 1 and p at least 0")
    if k > 1 and d < 1:
        raise ValueError("the dilation must be at least 1")
    room = n + 2 * p - d * (k - 1) - 1
    if room < 0:
        raise ValueError("the kernel does not fit")
    return room // s + 1
""",
    ),
    wrong(
        "negative-padding",
        "output_size",
        "It is enough to look at what is divided by and what comes out.",
        "output_size(9, 3, p=-1) has to be refused",
        """
def output_size(n, k, s=1, p=0, d=1):
    if min(k, s, d) < 1:
        raise ValueError("k, s and d must be at least 1")
    out = (n + 2 * p - d * (k - 1) - 1) // s + 1
    if out <= 0:
        raise ValueError("not even one window fits")
    return out
""",
    ),
    wrong(
        "tensor-arithmetic",
        "output_size",
        "64 bits are enough for any size.",
        "output_size(10**30, 1) is 10**30 and must not be refused",
        """
def output_size(n, k, s=1, p=0, d=1):
    if min(k, s, d) < 1 or p < 0:
        raise ValueError("k, s and d must be at least 1 and p at least 0")
    out = torch.div(torch.tensor(n) + 2 * p - d * (k - 1) - 1, s, rounding_mode="floor") + 1
    if out < 1:
        raise ValueError("not even one window fits")
    return int(out)
""",
    ),
    wrong(
        "stride-beyond-the-axis",
        "output_size",
        "A stride longer than the axis makes no sense and is refused.",
        "output_size(3, 2, 5) is 1 and must not be refused",
        """
def output_size(n, k, s=1, p=0, d=1):
    if not (k >= 1 and 1 <= s <= n + 2 * p and d >= 1 and p >= 0):
        raise ValueError("one of the parameters makes no sense")
    if n + 2 * p < d * (k - 1) + 1:
        raise ValueError("not even one window fits")
    return (n + 2 * p - d * (k - 1) - 1) // s + 1
""",
    ),
    wrong(
        "kernel-of-nothing",
        "output_size",
        "What cannot be divided by or is negative is refused; a kernel is whatever one gives.",
        "output_size(5, 0) has to be refused",
        """
def output_size(n, k, s=1, p=0, d=1):
    if s < 1 or d < 1 or p < 0 or k < 0:
        raise ValueError("s and d must be at least 1 and p not negative")
    room = n + 2 * p - d * (k - 1) - 1
    if room < 0:
        raise ValueError("not even one window fits")
    return room // s + 1
""",
    ),
    wrong(
        "stride-of-minus-one",
        "output_size",
        "Only a stride of zero cannot be divided by.",
        "output_size(3, 3, -1) has to be refused",
        """
def output_size(n, k, s=1, p=0, d=1):
    if k < 1 or d < 1 or p < 0 or s == 0:
        raise ValueError("k and d must be at least 1, p not negative and s not zero")
    room = n + 2 * p - d * (k - 1) - 1
    if room < 0:
        raise ValueError("not even one window fits")
    if (out := room // s + 1) < 1:
        raise ValueError("not even one window fits")
    return out
""",
    ),
]

IM2COL = [
    wrong(
        "contiguous-first",
        "im2col",
        "`contiguous` is no copy that would matter.",
        "im2col(x[..., ::2], 2) does not share memory with x",
        """
def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)
    x = x.contiguous()
    n, c, h, w = x.shape
    ho, wo = (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1
    if ho < 1 or wo < 1:
        raise ValueError("the window does not fit")
    return x.as_strided((n, c, kh, kw, ho, wo), (c * h * w, h * w, dh * w, dw, sh * w, sw))
""",
    ),
    wrong(
        "detached",
        "im2col",
        "`detach` makes a view safe and changes nothing else.",
        "im2col(x, 2) of an x that requires a gradient does not require one",
        """
def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)
    if dh * (kh - 1) >= x.shape[2] or dw * (kw - 1) >= x.shape[3]:
        raise ValueError("the window does not fit")
    out = x.detach().unfold(2, dh * (kh - 1) + 1, sh).unfold(3, dw * (kw - 1) + 1, sw)[..., ::dh, ::dw]
    return out.permute(0, 1, 4, 5, 2, 3)
""",
    ),
    wrong(
        "jumps-of-the-first-image",
        "im2col",
        "There is always a first image from which the jumps can be read.",
        "im2col(torch.zeros(0, 2, 5, 5), 2) raises an IndexError",
        """
def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)
    jc, jh, jw = x[0].stride()
    c, h, w = x[0].shape
    ho, wo = (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1
    if ho < 1 or wo < 1:
        raise ValueError("the window does not fit")
    return x.as_strided((len(x), c, kh, kw, ho, wo), (x.stride(0), jc, jh * dh, jw * dw, jh * sh, jw * sw))
""",
    ),
    wrong(
        "only-the-kernel-fits",
        "im2col",
        "A window fits where the kernel is not larger than the image, however it is dilated.",
        "im2col(torch.zeros(1, 1, 6, 6), 3, 1, 3) has to raise a ValueError",
        """
def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)
    n, c, h, w = x.shape
    if kh > h or kw > w:
        raise ValueError(f"a window of {kh} x {kw} does not fit into {h} x {w}")
    a, b, y, z = x.stride()
    return x.as_strided(
        (n, c, kh, kw, (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1),
        (a, b, dh * y, dw * z, sh * y, sw * z),
    )
""",
    ),
    wrong(
        "numpy-view",
        "im2col",
        "NumPy's views of a tensor are views like any others.",
        "im2col(x, 2) of an x that requires a gradient has none",
        """
import numpy as np


def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)
    if dh * (kh - 1) >= x.shape[2] or dw * (kw - 1) >= x.shape[3]:
        raise ValueError("the window does not fit")
    windows = np.lib.stride_tricks.sliding_window_view(
        x.detach().numpy(), (dh * (kh - 1) + 1, dw * (kw - 1) + 1), axis=(2, 3), writeable=True
    )
    return torch.from_numpy(windows[:, :, ::sh, ::sw, ::dh, ::dw].transpose(0, 1, 4, 5, 2, 3))
""",
    ),
    wrong(
        "default-offset",
        "im2col",
        "An image begins where its memory begins.",
        "im2col(x[1:], 2) shows the windows of x[:-1]",
        """
def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)
    n, c, h, w = x.shape
    ho, wo = (h - dh * (kh - 1) - 1) // sh + 1, (w - dw * (kw - 1) - 1) // sw + 1
    if ho < 1 or wo < 1:
        raise ValueError("the window does not fit")
    a, b, y, z = x.stride()
    return torch.as_strided(x, (n, c, kh, kw, ho, wo), (a, b, dh * y, dw * z, sh * y, sw * z), 0)
""",
    ),
    wrong(
        "tiles-beyond-the-edge",
        "im2col",
        "Where windows do not overlap there is one for every stride that begins in the image.",
        "im2col(torch.zeros(1, 1, 7, 7), 2, 3) has 2 and not 3 rows of windows",
        """
def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)
    n, c, h, w = x.shape
    rh, rw = dh * (kh - 1) + 1, dw * (kw - 1) + 1
    if rh > h or rw > w:
        raise ValueError("the window does not fit")
    ho = -(-h // sh) if sh > rh else (h - rh) // sh + 1
    wo = -(-w // sw) if sw > rw else (w - rw) // sw + 1
    a, b, y, z = x.stride()
    return x.as_strided((n, c, kh, kw, ho, wo), (a, b, dh * y, dw * z, sh * y, sw * z))
""",
    ),
]

CHECKED = """
def checked(x, w, stride, padding, dilation):
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"the image has {x.shape[1]} channels and the kernel {w.shape[1]}")
    ho = (x.shape[2] + 2 * ph - dh * (w.shape[2] - 1) - 1) // sh + 1
    wo = (x.shape[3] + 2 * pw - dw * (w.shape[3] - 1) - 1) // sw + 1
    if ho < 1 or wo < 1:
        raise ValueError("the kernel does not fit into the padded image")
    return sh, sw, ph, pw, dh, dw, ho, wo
"""

CONV2D = [
    wrong(
        "reshape-with-minus-one",
        "conv2d",
        "A reshape can always work out the size that is given as -1.",
        "conv2d(torch.zeros(0, 2, 5, 5), torch.zeros(3, 2, 3, 3)) raises a RuntimeError",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    o, c, kh, kw = w.shape
    cols = F.pad(x, (pw, pw, ph, ph)).unfold(2, dh * (kh - 1) + 1, sh).unfold(3, dw * (kw - 1) + 1, sw)
    cols = cols[..., ::dh, ::dw].permute(0, 1, 4, 5, 2, 3).reshape(x.shape[0], -1, ho * wo)
    y = (w.reshape(o, -1) @ cols).reshape(x.shape[0], o, ho, wo)
    return y if b is None else y + b.view(1, -1, 1, 1)
""",
        before=(CHECKED,),
    ),
    wrong(
        "bias-of-zeros",
        "conv2d",
        "A bias of zeros changes nothing, so it can be left out.",
        "the gradient of b is missing for b = torch.zeros(3)",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    o, c, kh, kw = w.shape
    cols = F.pad(x, (pw, pw, ph, ph)).unfold(2, dh * (kh - 1) + 1, sh).unfold(3, dw * (kw - 1) + 1, sw)
    y = torch.einsum("nchwij,ocij->nohw", cols[..., ::dh, ::dw], w)
    if b is not None and b.any():
        y = y + b.view(1, -1, 1, 1)
    return y
""",
        before=(CHECKED,),
    ),
    wrong(
        "bias-as-a-new-tensor",
        "conv2d",
        "`torch.tensor(b)` makes sure that b is a tensor and does no harm.",
        "the gradient of b is missing",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    o, c, kh, kw = w.shape
    b = torch.zeros(o, dtype=x.dtype) if b is None else torch.tensor(b)
    cols = F.pad(x, (pw, pw, ph, ph)).unfold(2, dh * (kh - 1) + 1, sh).unfold(3, dw * (kw - 1) + 1, sw)
    return torch.einsum("nchwij,ocij->nohw", cols[..., ::dh, ::dw], w) + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    wrong(
        "one-reach-for-both",
        "conv2d",
        "The window reaches as far to the right as it does down, but for the dilation.",
        "conv2d(x, w, dilation=2) for w of 2 x 3 weights",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    kh, kw = w.shape[2:]
    x = F.pad(x, (pw, pw, ph, ph))
    rows = torch.arange(ho)[:, None] * sh + torch.arange(kh) * dh
    cols = torch.arange(wo)[:, None] * sw + torch.arange(kw) * (dw if kh == kw else 1)
    y = torch.einsum("ncuivj,ocij->nouv", x[:, :, rows][..., cols], w)
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    wrong(
        "stride-beyond-the-kernel",
        "conv2d",
        "Where windows do not overlap the image is cut into tiles, one for each.",
        "conv2d(torch.ones(1, 1, 8, 8), torch.ones(1, 1, 2, 2), stride=3)",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    (n, c), (o, _, kh, kw) = x.shape[:2], w.shape
    x = F.pad(x, (pw, pw, ph, ph))
    if sh >= kh and sw >= kw and dh == dw == 1:
        # patches that do not overlap: cut, and leave out what lies between (as a vision transformer does)
        tiles = x[:, :, : ho * sh, : wo * sw].reshape(n, c, ho, sh, wo, sw)[:, :, :, :kh, :, :kw]
        y = torch.einsum("nchiwj,ocij->nohw", tiles, w)
    else:
        cols = x.unfold(2, dh * (kh - 1) + 1, sh).unfold(3, dw * (kw - 1) + 1, sw)[..., ::dh, ::dw]
        y = torch.einsum("nchwij,ocij->nohw", cols, w)
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    wrong(
        "canvas-in-single",
        "conv2d",
        "A canvas of zeros takes the dtype of what is drawn on it.",
        "conv2d of float64 with padding=1 raises a RuntimeError or is not exact",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    n, c, h, wd = x.shape
    if ph or pw:
        canvas = torch.zeros(n, c, h + 2 * ph, wd + 2 * pw)
        canvas[:, :, ph : ph + h, pw : pw + wd] = x
        x = canvas.to(w.dtype)
    cols = x.unfold(2, dh * (w.shape[2] - 1) + 1, sh).unfold(3, dw * (w.shape[3] - 1) + 1, sw)
    y = torch.einsum("nchwij,ocij->nohw", cols[..., ::dh, ::dw], w)
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    wrong(
        "single-inside",
        "conv2d",
        "Single precision inside is enough if the result gets its dtype back.",
        "conv2d of float64 is exact to seven digits only",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    cols = F.pad(x.float(), (pw, pw, ph, ph)).unfold(2, dh * (w.shape[2] - 1) + 1, sh).unfold(3, dw * (w.shape[3] - 1) + 1, sw)
    y = torch.einsum("nchwij,ocij->nohw", cols[..., ::dh, ::dw], w.float()).to(x.dtype)
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    wrong(
        "too-many-channels-only",
        "conv2d",
        "Only an image with more channels than the kernel is refused; einsum finds the rest.",
        "conv2d(torch.zeros(1, 1, 5, 5), torch.zeros(2, 3, 3, 3)) has to raise a ValueError",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    if x.shape[1] > w.shape[1]:
        raise ValueError("the image has channels that the kernel does not know")
    x = F.pad(x, (pw, pw, ph, ph))
    rh, rw = dh * (w.shape[2] - 1) + 1, dw * (w.shape[3] - 1) + 1
    if x.shape[2] < rh or x.shape[3] < rw:
        raise ValueError("the kernel does not fit into the padded image")
    y = torch.einsum("nchwij,ocij->nohw", x.unfold(2, rh, sh).unfold(3, rw, sw)[..., ::dh, ::dw], w)
    return y if b is None else y + b[:, None, None]
""",
    ),
    wrong(
        "fits-without-dilation",
        "conv2d",
        "Whether a kernel fits is a matter of its size, not of its dilation.",
        "conv2d(torch.zeros(1, 1, 5, 5), torch.zeros(1, 1, 3, 3), dilation=3) has to raise a ValueError",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    if x.shape[1] != w.shape[1]:
        raise ValueError("other channels")
    x = F.pad(x, (pw, pw, ph, ph))
    if x.shape[2] < w.shape[2] or x.shape[3] < w.shape[3]:
        raise ValueError("the kernel does not fit into the padded image")
    cols = x.unfold(2, dh * (w.shape[2] - 1) + 1, sh).unfold(3, dw * (w.shape[3] - 1) + 1, sw)[..., ::dh, ::dw]
    y = torch.einsum("nchwij,ocij->nohw", cols, w)
    return y if b is None else y + b[:, None, None]
""",
    ),
    wrong(
        "fits-without-padding",
        "conv2d",
        "Whether a kernel fits can be seen before the image is padded.",
        "conv2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 3), padding=1) must not be refused",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    if x.shape[1] != w.shape[1]:
        raise ValueError("other channels")
    if x.shape[2] < dh * (w.shape[2] - 1) + 1 or x.shape[3] < dw * (w.shape[3] - 1) + 1:
        raise ValueError("the kernel does not fit into the image")
    cols = F.pad(x, (pw, pw, ph, ph)).unfold(2, dh * (w.shape[2] - 1) + 1, sh).unfold(3, dw * (w.shape[3] - 1) + 1, sw)
    y = torch.einsum("nchwij,ocij->nohw", cols[..., ::dh, ::dw], w)
    return y if b is None else y + b[:, None, None]
""",
    ),
    wrong(
        "padding-makes-contiguous",
        "conv2d",
        "What `F.pad` gives lies in memory row by row.",
        "conv2d(x.to(memory_format=torch.channels_last), w, padding=1)",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    # F.pad makes a fresh tensor, without padding we need one ourselves
    x = F.pad(x, (pw, pw, ph, ph)) if ph or pw else x.contiguous()
    n, c, h, wd = x.shape
    kh, kw = w.shape[2:]
    cols = x.as_strided((n, c, kh, kw, ho, wo), (c * h * wd, h * wd, dh * wd, dw, sh * wd, sw))
    y = torch.einsum("ncijuv,ocij->nouv", cols, w)
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    wrong(
        "view-of-the-kernel",
        "conv2d",
        "A kernel always lies in memory row by row.",
        "conv2d(x, w.transpose(2, 3)) raises a RuntimeError",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    o, c, kh, kw = w.shape
    cols = F.pad(x, (pw, pw, ph, ph)).unfold(2, dh * (kh - 1) + 1, sh).unfold(3, dw * (kw - 1) + 1, sw)
    cols = cols[..., ::dh, ::dw].permute(0, 2, 3, 1, 4, 5).reshape(len(x), ho, wo, c * kh * kw)
    y = (cols @ w.view(o, c * kh * kw).T).permute(0, 3, 1, 2)
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    wrong(
        "bias-resized",
        "conv2d",
        "`resize_` gives the bias another shape for this one sum.",
        "conv2d(x, w, b) leaves b with the shape (C_out, 1, 1)",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    cols = F.pad(x, (pw, pw, ph, ph)).unfold(2, dh * (w.shape[2] - 1) + 1, sh).unfold(3, dw * (w.shape[3] - 1) + 1, sw)
    y = torch.einsum("nchwij,ocij->nohw", cols[..., ::dh, ::dw], w)
    if b is None:
        return y
    if b.requires_grad or y.requires_grad:
        return y + b[:, None, None]
    # no gradient needed: save memory and reuse what is there
    return y.add_(b.resize_(len(b), 1, 1))
""",
        before=(CHECKED,),
    ),
    wrong(
        "own-backward-without-dilation",
        "conv2d",
        "The way back through a dilated kernel is that through a kernel.",
        "the gradient of x for dilation=2",
        '''
class Layer(torch.autograd.Function):
    """y = x * w, with the gradients of the lecture"""

    @staticmethod
    def forward(ctx, x, w, s, p, d):
        xp = F.pad(x, (p[1], p[1], p[0], p[0]))
        cols = xp.unfold(2, d[0] * (w.shape[2] - 1) + 1, s[0]).unfold(3, d[1] * (w.shape[3] - 1) + 1, s[1])[..., :: d[0], :: d[1]]
        ctx.save_for_backward(cols, w)
        ctx.rest = xp.shape, x.shape, s, p, d
        return torch.einsum("nchwij,ocij->nohw", cols, w)

    @staticmethod
    def backward(ctx, g):
        (cols, w), (padded, shape, s, p, d) = ctx.saved_tensors, ctx.rest
        canvas = g.new_zeros(padded)
        rows = torch.arange(g.shape[2])[:, None] * s[0] + torch.arange(w.shape[2])
        columns = torch.arange(g.shape[3])[:, None] * s[1] + torch.arange(w.shape[3])
        n, c = torch.arange(shape[0]).view(-1, 1, 1, 1, 1, 1), torch.arange(shape[1]).view(-1, 1, 1, 1, 1)
        canvas.index_put_((n, c, rows[:, :, None, None], columns), torch.einsum("nouv,ocij->ncuivj", g, w), accumulate=True)
        grad_x = canvas[:, :, p[0] : p[0] + shape[2], p[1] : p[1] + shape[3]]
        return grad_x, torch.einsum("nchwij,nohw->ocij", cols, g), None, None, None


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    checked(x, w, stride, padding, dilation)
    y = Layer.apply(x, w, pair(stride), pair(padding), pair(dilation))
    return y if b is None else y + b[:, None, None]
''',
        before=(CHECKED,),
    ),
    wrong(
        "own-backward-cuts-the-padding-off-twice",
        "conv2d",
        "The gradient of an image with padding is cut by the padding's height on all sides.",
        "the gradient of x for padding=(0, 1)",
        """
class Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, s, p, d):
        xp = F.pad(x, (p[1], p[1], p[0], p[0]))
        cols = xp.unfold(2, d[0] * (w.shape[2] - 1) + 1, s[0]).unfold(3, d[1] * (w.shape[3] - 1) + 1, s[1])[..., :: d[0], :: d[1]]
        ctx.save_for_backward(cols, w)
        ctx.rest = xp.shape, x.shape, s, p, d
        return torch.einsum("nchwij,ocij->nohw", cols, w)

    @staticmethod
    def backward(ctx, g):
        (cols, w), (padded, shape, s, p, d) = ctx.saved_tensors, ctx.rest
        canvas = g.new_zeros(padded)
        rows = torch.arange(g.shape[2])[:, None] * s[0] + torch.arange(w.shape[2]) * d[0]
        columns = torch.arange(g.shape[3])[:, None] * s[1] + torch.arange(w.shape[3]) * d[1]
        n, c = torch.arange(shape[0]).view(-1, 1, 1, 1, 1, 1), torch.arange(shape[1]).view(-1, 1, 1, 1, 1)
        canvas.index_put_((n, c, rows[:, :, None, None], columns), torch.einsum("nouv,ocij->ncuivj", g, w), accumulate=True)
        grad_x = canvas[:, :, p[0] : p[0] + shape[2], p[0] : p[0] + shape[3]]
        return grad_x, torch.einsum("nchwij,nohw->ocij", cols, g), None, None, None


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    checked(x, w, stride, padding, dilation)
    y = Layer.apply(x, w, pair(stride), pair(padding), pair(dilation))
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    wrong(
        "kernel-detached-where-it-is-one-pixel",
        "conv2d",
        "A kernel of one pixel is only a matrix of numbers.",
        "the gradient of w for a kernel of 1 x 1 is missing",
        """
import numpy as np


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    xp = F.pad(x, (pw, pw, ph, ph))
    if w.shape[2:] == (1, 1):
        # fast path: mix the channels
        y = torch.tensordot(torch.from_numpy(w.detach().numpy()[:, :, 0, 0]), xp[:, :, ::sh, ::sw], ([1], [1])).transpose(0, 1)
    else:
        cols = xp.unfold(2, dh * (w.shape[2] - 1) + 1, sh).unfold(3, dw * (w.shape[3] - 1) + 1, sw)[..., ::dh, ::dw]
        y = torch.einsum("nchwij,ocij->nohw", cols, w)
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
]

BACKWARD_CHECK = """
def expect_shape(grad_out, x, w, stride, padding):
    s, p = pair(stride), pair(padding)
    ho, wo = ((x.shape[2 + a] + 2 * p[a] - w.shape[2 + a]) // s[a] + 1 for a in (0, 1))
    if tuple(grad_out.shape) != (x.shape[0], w.shape[0], ho, wo):
        raise ValueError(f"grad_out has shape {tuple(grad_out.shape)}, not that of the layer's output")


def weights_gradient(grad_out, padded, w, stride):
    windows = padded.unfold(2, w.shape[2], stride[0]).unfold(3, w.shape[3], stride[1])
    return torch.einsum("ncuvij,nouv->ocij", windows, grad_out)
"""
SCATTER = '''
def scatter(cols, shape, s):
    """Add the windows N C i j u v up where they were in an image of this shape."""
    (n, c, kh, kw, ho, wo), (h, w) = cols.shape, shape
    rows = torch.arange(kh)[:, None, None, None] + s[0] * torch.arange(ho)[:, None]
    columns = torch.arange(kw)[:, None, None] + s[1] * torch.arange(wo)
    flat = (rows * w + columns).reshape(kh * kw * ho * wo)
    return cols.new_zeros(n, c, h * w).index_add(2, flat, cols.reshape(n, c, kh * kw * ho * wo)).view(n, c, h, w)
'''

BACKWARD = [
    wrong(
        "cut-both-or-none",
        "conv2d_backward",
        "`-p` cuts off the far padding, and where there is padding it is on both axes.",
        "conv2d_backward(..., padding=(1, 0)) has a grad_x without columns",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    s, (ph, pw) = pair(stride), pair(padding)
    padded = F.pad(x, (pw, pw, ph, ph))
    grad = scatter(torch.einsum("nouv,ocij->ncijuv", grad_out, w), padded.shape[2:], s)
    if ph or pw:
        grad = grad[:, :, ph:-ph, pw:-pw]
    return grad, weights_gradient(grad_out, padded, w, s), grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
    wrong(
        "far-edge-after-cutting",
        "conv2d_backward",
        "The pixels that no window reached are put back after the padding has been cut off.",
        "conv2d_backward for H = W = 6, a 3 x 3 kernel, stride 2 and padding 1: the last row and column",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    kh, kw = w.shape[2:]
    h, wd = (grad_out.shape[2] - 1) * sh + kh, (grad_out.shape[3] - 1) * sw + kw  # what the windows cover
    grad = scatter(torch.einsum("nouv,ocij->ncijuv", grad_out, w), (h, wd), (sh, sw))
    grad = grad[:, :, ph : h - ph, pw : wd - pw]
    grad = F.pad(grad, (0, x.shape[3] - grad.shape[3], 0, x.shape[2] - grad.shape[2]))
    padded = F.pad(x, (pw, pw, ph, ph))
    return grad, weights_gradient(grad_out, padded, w, (sh, sw)), grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
    wrong(
        "gradient-in-single",
        "conv2d_backward",
        "`torch.zeros` makes zeros that fit to everything.",
        "conv2d_backward of float64 gives a grad_x of float32",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    kh, kw = w.shape[2:]
    padded = F.pad(x, (pw, pw, ph, ph))
    grad = torch.zeros(padded.shape)
    rows = torch.arange(grad_out.shape[2])[:, None] * sh + torch.arange(kh)
    cols = torch.arange(grad_out.shape[3])[:, None] * sw + torch.arange(kw)
    per_window = torch.einsum("nouv,ocij->ncuivj", grad_out, w).to(grad.dtype)
    place = (torch.arange(len(x)).view(-1, 1, 1, 1, 1, 1), torch.arange(x.shape[1]).view(-1, 1, 1, 1, 1), rows[:, :, None, None], cols)
    grad.index_put_(place, per_window, accumulate=True)
    grad = grad[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]]
    return grad, weights_gradient(grad_out, padded, w, (sh, sw)), grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK,),
    ),
    wrong(
        "only-height-and-width",
        "conv2d_backward",
        "The shape of a gradient is its height and width; the rest fits by itself.",
        "conv2d_backward with a grad_out of 1 channel for a kernel of 2 has to raise a ValueError",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    s, p = pair(stride), pair(padding)
    expected = torch.Size((n + 2 * q - k) // t + 1 for n, q, k, t in zip(x.shape[2:], p, w.shape[2:], s))
    if grad_out.shape[2:] != expected:
        raise ValueError(f"grad_out should be {expected} and is {grad_out.shape[2:]}")
    padded = F.pad(x, (p[1], p[1], p[0], p[0]))
    grad = scatter(torch.einsum("nouv,ocij->ncijuv", grad_out, w), padded.shape[2:], s)
    grad = grad[:, :, p[0] : p[0] + x.shape[2], p[1] : p[1] + x.shape[3]]
    return grad, weights_gradient(grad_out, padded, w, s), grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
    wrong(
        "same-number-of-entries",
        "conv2d_backward",
        "A gradient with as many entries as the output has its shape.",
        "conv2d_backward with a grad_out of 1 x 2 x 2 x 3 where the output is 1 x 2 x 3 x 2 has to raise a ValueError",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    s, p = pair(stride), pair(padding)
    ho, wo = ((n + 2 * q - k) // t + 1 for n, q, k, t in zip(x.shape[2:], p, w.shape[2:], s))
    try:
        grad_out = grad_out.reshape(len(x), len(w), ho, wo)
    except RuntimeError:
        raise ValueError("grad_out does not have the shape of the output")
    padded = F.pad(x, (p[1], p[1], p[0], p[0]))
    grad = scatter(torch.einsum("nouv,ocij->ncijuv", grad_out, w), padded.shape[2:], s)
    grad = grad[:, :, p[0] : p[0] + x.shape[2], p[1] : p[1] + x.shape[3]]
    return grad, weights_gradient(grad_out, padded, w, s), grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
    wrong(
        "no-overlap-along-one-axis",
        "conv2d_backward",
        "Where the windows do not overlap vertically, they do not overlap.",
        "conv2d_backward for a 3 x 3 kernel and the stride (3, 1)",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    s, (ph, pw) = pair(stride), pair(padding)
    padded = F.pad(x, (pw, pw, ph, ph))
    per_window = torch.einsum("nouv,ocij->ncijuv", grad_out, w)
    if s[0] >= w.shape[2]:
        # every pixel is in one window at most: no sum needed, the windows are written straight into a view
        grad = torch.zeros_like(padded)
        grad.unfold(2, w.shape[2], s[0]).unfold(3, w.shape[3], s[1]).copy_(per_window.permute(0, 1, 4, 5, 2, 3))
    else:
        grad = scatter(per_window, padded.shape[2:], s)
    grad = grad[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]]
    return grad, weights_gradient(grad_out, padded, w, s), grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
    wrong(
        "canvas-reused",
        "conv2d_backward",
        "What was padded is the function's own, so its memory can be used again.",
        "conv2d_backward(g, x, w) leaves x changed",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    s, (ph, pw) = pair(stride), pair(padding)
    padded = F.pad(x, (pw, pw, ph, ph)) if ph or pw else x
    grad_w = weights_gradient(grad_out, padded, w, s)
    grad = scatter(torch.einsum("nouv,ocij->ncijuv", grad_out, w), padded.shape[2:], s)
    padded.copy_(grad)
    return padded[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]], grad_w, grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
    wrong(
        "no-images-no-sum",
        "conv2d_backward",
        "The sizes of a batch can be left to -1, for there is always something in it.",
        "conv2d_backward for a batch of no images raises a RuntimeError",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    s, (ph, pw) = pair(stride), pair(padding)
    padded = F.pad(x, (pw, pw, ph, ph))
    n, o = grad_out.shape[:2]
    windows = padded.unfold(2, w.shape[2], s[0]).unfold(3, w.shape[3], s[1])
    g = grad_out.reshape(n, o, -1)
    cols = windows.permute(0, 2, 3, 1, 4, 5).reshape(n, g.shape[2], -1)
    grad_w = (g @ cols).sum(0).view_as(w)
    grad = scatter(torch.einsum("nouv,ocij->ncijuv", grad_out, w), padded.shape[2:], s)
    return grad[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]], grad_w, g.sum((0, 2))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
    wrong(
        "one-gradient-for-all-images",
        "conv2d_backward",
        "The images of a batch can share a gradient.",
        "conv2d_backward with a grad_out of 1 image for an x of 2 has to raise a ValueError",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    s, p = pair(stride), pair(padding)
    expected = (len(w), *((n + 2 * q - k) // t + 1 for n, q, k, t in zip(x.shape[2:], p, w.shape[2:], s)))
    if tuple(grad_out.shape[1:]) != expected:
        raise ValueError(f"grad_out should be {expected} for every image")
    padded = F.pad(x, (p[1], p[1], p[0], p[0]))
    grad = scatter(torch.einsum("nouv,ocij->ncijuv", grad_out, w), padded.shape[2:], s)
    grad = grad[:, :, p[0] : p[0] + x.shape[2], p[1] : p[1] + x.shape[3]]
    return grad, weights_gradient(grad_out, padded, w, s), grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
    wrong(
        "larger-is-refused",
        "conv2d_backward",
        "Only a gradient that is too large has to be refused.",
        "conv2d_backward with a grad_out of one row less than y has to raise a ValueError",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    s, p = pair(stride), pair(padding)
    expected = (len(x), len(w), *((n + 2 * q - k) // t + 1 for n, q, k, t in zip(x.shape[2:], p, w.shape[2:], s)))
    if any(given > most for given, most in zip(grad_out.shape, expected)) or grad_out.shape[:2] != expected[:2]:
        raise ValueError(f"grad_out should be {expected}")
    ho, wo = grad_out.shape[2:]
    padded = F.pad(x, (p[1], p[1], p[0], p[0]))
    grad = scatter(torch.einsum("nouv,ocij->ncijuv", grad_out, w), padded.shape[2:], s)
    grad = grad[:, :, p[0] : p[0] + x.shape[2], p[1] : p[1] + x.shape[3]]
    seen = padded[:, :, : (ho - 1) * s[0] + w.shape[2], : (wo - 1) * s[1] + w.shape[3]]
    return grad, weights_gradient(grad_out, seen, w, s), grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
    wrong(
        "flipped-where-it-is-square",
        "conv2d_backward",
        "A kernel of one row or column need not be flipped.",
        "the gradient of x for a kernel of 1 x 3",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    kh, kw = w.shape[2:]
    n, o, ho, wo = grad_out.shape
    spread = grad_out.new_zeros(n, o, x.shape[2] + 2 * ph + kh - 1, x.shape[3] + 2 * pw + kw - 1)
    spread[:, :, kh - 1 : kh + (ho - 1) * sh : sh, kw - 1 : kw + (wo - 1) * sw : sw] = grad_out
    flipped = w.flip(2, 3) if min(kh, kw) > 1 else w
    grad = torch.einsum("noyzij,ocij->ncyz", spread.unfold(2, kh, 1).unfold(3, kw, 1), flipped)
    padded = F.pad(x, (pw, pw, ph, ph))
    return (
        grad[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]],
        weights_gradient(grad_out, padded, w, (sh, sw)),
        grad_out.sum((0, 2, 3)),
    )
""",
        before=(BACKWARD_CHECK,),
    ),
    wrong(
        "scaled-in-place",
        "conv2d_backward",
        "`detach` gives a tensor of one's own.",
        "conv2d_backward(g, x, w) leaves w flipped",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    kh, kw = w.shape[2:]
    n, o, ho, wo = grad_out.shape
    padded = F.pad(x, (pw, pw, ph, ph))
    grad_w = weights_gradient(grad_out, padded, w, (sh, sw))
    spread = grad_out.new_zeros(n, o, x.shape[2] + 2 * ph + kh - 1, x.shape[3] + 2 * pw + kw - 1)
    spread[:, :, kh - 1 : kh + (ho - 1) * sh : sh, kw - 1 : kw + (wo - 1) * sw : sw] = grad_out
    own = w.detach()
    own[:] = own.flip(2, 3)
    grad = torch.einsum("noyzij,ocij->ncyz", spread.unfold(2, kh, 1).unfold(3, kw, 1), own)
    return grad[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]], grad_w, grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK,),
    ),
    wrong(
        "gradient-lies-row-by-row",
        "conv2d_backward",
        "What comes back from above lies in memory row by row.",
        "conv2d_backward(g.expand(2, 2, 3, 3), x, w) of a g of one number raises a RuntimeError",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    s, (ph, pw) = pair(stride), pair(padding)
    padded = F.pad(x, (pw, pw, ph, ph))
    n, o, ho, wo = grad_out.shape
    g = grad_out.view(n, o, ho * wo)
    cols = torch.einsum("nol,ocij->ncijl", g, w).reshape(n, x.shape[1], *w.shape[2:], ho, wo)
    grad = scatter(cols, padded.shape[2:], s)
    return grad[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]], weights_gradient(grad_out, padded, w, s), g.sum((0, 2))
""",
        before=(BACKWARD_CHECK, SCATTER),
    ),
]

MAX_POOL = [
    wrong(
        "padding-ties-with-infinity",
        "max_pool2d",
        "Nothing in an image is as small as minus infinity, so padding cannot tie.",
        "max_pool2d(torch.full((1, 1, 4, 4), -torch.inf), 3, 2, 1) has indices outside of the image",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    cols = F.pad(x, (pw, pw, ph, ph), value=-torch.inf).unfold(2, kh, sh).unfold(3, kw, sw).flatten(4)
    values, which = cols.max(-1)
    rows = torch.arange(values.shape[2])[:, None] * sh + which // kw - ph
    columns = torch.arange(values.shape[3]) * sw + which % kw - pw
    return values, rows * w + columns
""",
    ),
    wrong(
        "less-than-the-least",
        "max_pool2d",
        "The least pixel less one is smaller than every pixel.",
        "max_pool2d(torch.full((1, 1, 4, 4), -1e9), 3, 2, 1) has indices outside of the image",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    least = x.min().item() - 1 if x.numel() else 0
    cols = F.pad(x, (pw, pw, ph, ph), value=least).unfold(2, kh, sh).unfold(3, kw, sw).flatten(4)
    values, which = cols.max(-1)
    rows = torch.arange(values.shape[2])[:, None] * sh + which // kw - ph
    columns = torch.arange(values.shape[3]) * sw + which % kw - pw
    return values, rows * w + columns
""",
    ),
    wrong(
        "places-as-pixels",
        "max_pool2d",
        "A plane that counts the pixels can have the dtype of the image.",
        "max_pool2d of a 64 x 64 image in float16: from 2048 on every second place is missing",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")

    def windows(plane):
        border = F.pad(plane, (pw, pw, ph, ph), mode="replicate") if len(plane) else F.pad(plane, (pw, pw, ph, ph))
        return border.unfold(2, kh, sh).unfold(3, kw, sw).flatten(4)

    values, which = windows(x).max(-1)
    places = windows(torch.arange(h * w).to(x.dtype).view(1, 1, h, w)).expand(*values.shape, kh * kw)
    return values, places.gather(-1, which[..., None])[..., 0].long()
""",
    ),
    wrong(
        "half-of-the-height",
        "max_pool2d",
        "If the padding is right for the height it is right.",
        "max_pool2d(x, (4, 2), padding=2) has to raise a ValueError",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if ph > kh // 2:
        raise ValueError("padding should be at most half of the kernel")
    if h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit")
    rows = (torch.arange((h + 2 * ph - kh) // sh + 1)[:, None] * sh - ph + torch.arange(kh)).clamp(0, h - 1)
    cols = (torch.arange((w + 2 * pw - kw) // sw + 1)[:, None] * sw - pw + torch.arange(kw)).clamp(0, w - 1)
    where = (rows[:, None, :, None] * w + cols[None, :, None]).flatten(2)
    values, which = x.flatten(2)[:, :, where].max(-1)
    return values, where.expand(*which.shape, kh * kw).gather(-1, which[..., None]).squeeze(-1)
""",
    ),
    wrong(
        "columns-then-rows",
        "max_pool2d",
        "The largest of the columns' largest is the largest, and so is its place.",
        "max_pool2d(torch.tensor([[[[0., 1.], [1., 0.]]]]), 2) has index 1 and not 2",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    y, z = torch.arange(-ph, h + ph).clamp(0, h - 1), torch.arange(-pw, w + pw).clamp(0, w - 1)
    tall, i = x[:, :, y][..., z].unfold(2, kh, sh).max(-1)  # N C Ho Wp
    values, j = tall.unfold(3, kw, sw).max(-1)
    column = j + sw * torch.arange(values.shape[3])
    row = i.gather(3, column) + sh * torch.arange(values.shape[2])[:, None]
    return values, y[row] * w + z[column]
""",
    ),
    wrong(
        "in-single",
        "max_pool2d",
        "A maximum of numbers in single precision is the same number.",
        "max_pool2d(torch.tensor([[[[1, 1 + 1e-12]]]], dtype=torch.float64), (1, 2)) has index 1 and not 0",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    rows = (torch.arange((h + 2 * ph - kh) // sh + 1)[:, None] * sh - ph + torch.arange(kh)).clamp(0, h - 1)
    cols = (torch.arange((w + 2 * pw - kw) // sw + 1)[:, None] * sw - pw + torch.arange(kw)).clamp(0, w - 1)
    where = (rows[:, None, :, None] * w + cols[None, :, None]).flatten(2)
    values, which = x.float().flatten(2)[:, :, where].max(-1)
    return values.to(x.dtype), where.expand(*which.shape, kh * kw).gather(-1, which[..., None]).squeeze(-1)
""",
    ),
    wrong(
        "flat-windows",
        "max_pool2d",
        "A reshape can always work out how many pixels a window has.",
        "max_pool2d(torch.zeros(0, 1, 4, 4), 2) raises a RuntimeError",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    y, z = torch.arange(-ph, h + ph).clamp(0, h - 1), torch.arange(-pw, w + pw).clamp(0, w - 1)
    cols = x[:, :, y][..., z].unfold(2, kh, sh).unfold(3, kw, sw)
    cols = cols.reshape(*cols.shape[:4], -1)
    values, which = cols.max(-1)
    rows = torch.arange(values.shape[2])[:, None] * sh + which // kw
    columns = torch.arange(values.shape[3]) * sw + which % kw
    return values, y[rows] * w + z[columns]
""",
    ),
    wrong(
        "fits-without-padding-pooled",
        "max_pool2d",
        "A window has to fit into the image itself.",
        "max_pool2d(torch.zeros(1, 1, 2, 2), 3, padding=1) must not be refused",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or kh > h or kw > w:
        raise ValueError("the window does not fit, or there is too much padding")
    rows = (torch.arange((h + 2 * ph - kh) // sh + 1)[:, None] * sh - ph + torch.arange(kh)).clamp(0, h - 1)
    cols = (torch.arange((w + 2 * pw - kw) // sw + 1)[:, None] * sw - pw + torch.arange(kw)).clamp(0, w - 1)
    where = (rows[:, None, :, None] * w + cols[None, :, None]).flatten(2)
    values, which = x.flatten(2)[:, :, where].max(-1)
    return values, where.expand(*which.shape, kh * kw).gather(-1, which[..., None]).squeeze(-1)
""",
    ),
    wrong(
        "masked-in-place",
        "max_pool2d",
        "An image without padding may be marked where it stands, since it is not needed any more.",
        "max_pool2d(x, 2) of an x with -inf leaves x changed",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    # so that even minus infinity is more than the padding
    flat = x.view(x.shape) if ph == pw == 0 else x.clone()
    hidden = flat == -torch.inf
    flat[hidden] = torch.finfo(x.dtype).min
    padded, mask = (F.pad(t, (pw, pw, ph, ph), value=v) for t, v in ((flat, -torch.inf), (hidden.to(x.dtype), 0)))
    cols, masked = (t.unfold(2, kh, sh).unfold(3, kw, sw).flatten(4) for t in (padded, mask))
    values, which = cols.max(-1)
    values = torch.where(masked.gather(-1, which[..., None])[..., 0] > 0, -torch.inf, values)
    rows = torch.arange(values.shape[2])[:, None] * sh + which // kw - ph
    columns = torch.arange(values.shape[3]) * sw + which % kw - pw
    return values, rows * w + columns
""",
    ),
    wrong(
        "least-of-all-floats",
        "max_pool2d",
        "The smallest number is `torch.finfo(x.dtype).min`.",
        "max_pool2d(torch.full((1, 1, 4, 4), -torch.inf), 3, 2, 1) has values that are finite",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    lowest = torch.finfo(x.dtype).min
    cols = F.pad(x, (pw, pw, ph, ph), value=lowest).unfold(2, kh, sh).unfold(3, kw, sw).flatten(4)
    values, which = cols.max(-1)
    rows = torch.arange(values.shape[2])[:, None] * sh + which // kw - ph
    columns = torch.arange(values.shape[3]) * sw + which % kw - pw
    return values, rows * w + columns
""",
    ),
    wrong(
        "width-of-the-padded-image",
        "max_pool2d",
        "Where only rows are padded, nothing has to be subtracted from a place.",
        "max_pool2d(x, 2, 2, (1, 0)): indices are one row too far",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    y, z = torch.arange(-ph, h + ph).clamp(0, h - 1), torch.arange(-pw, w + pw).clamp(0, w - 1)
    cols = x[:, :, y][..., z].unfold(2, kh, sh).unfold(3, kw, sw).flatten(4)
    values, which = cols.max(-1)
    rows = torch.arange(values.shape[2])[:, None] * sh + which // kw
    columns = torch.arange(values.shape[3]) * sw + which % kw
    if pw:
        return values, y[rows] * w + z[columns]
    return values, (rows * w + columns).clamp(max=h * w - 1)
""",
    ),
    wrong(
        "places-in-32-bits",
        "max_pool2d",
        "Places are integers, and NumPy's argmax tells which.",
        "max_pool2d(x, 2) has indices of int32",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    y, z = torch.arange(-ph, h + ph).clamp(0, h - 1).int(), torch.arange(-pw, w + pw).clamp(0, w - 1).int()
    cols = x[:, :, y][..., z].unfold(2, kh, sh).unfold(3, kw, sw).flatten(4)
    values, which = cols.max(-1)
    rows = torch.arange(values.shape[2])[:, None] * sh + which // kw
    columns = torch.arange(values.shape[3]) * sw + which % kw
    return values, y[rows] * w + z[columns]
""",
    ),
    wrong(
        "cropped-to-tiles",
        "max_pool2d",
        "Windows that lie edge to edge can always be cut out by a reshape.",
        "max_pool2d(torch.arange(49.).view(1, 1, 7, 7), 2, 2): the index counts with the width of the cropped image",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    if (kh, kw) == (sh, sw) and ph == pw == 0:  # the usual case
        ho, wo = h // kh, w // kw
        tiles = x[..., : ho * kh, : wo * kw].unflatten(3, (wo, kw)).unflatten(2, (ho, kh)).transpose(3, 4).flatten(4)
        values, which = tiles.max(-1)
        w = wo * kw
    else:
        y, z = torch.arange(-ph, h + ph).clamp(0, h - 1), torch.arange(-pw, w + pw).clamp(0, w - 1)
        values, which = x[:, :, y][..., z].unfold(2, kh, sh).unfold(3, kw, sw).flatten(4).max(-1)
    rows = (torch.arange(values.shape[2])[:, None] * sh + which // kw - ph).clamp(0, h - 1)
    columns = (torch.arange(values.shape[3]) * sw + which % kw - pw).clamp(0, w - 1)
    return values, rows * w + columns
""",
    ),
]

LCN_CHECK = """
def gaussian(window, sigma, dtype):
    if window < 1 or window % 2 == 0:
        raise ValueError("the window must be odd and positive")
    if sigma <= 0:
        raise ValueError("sigma must be positive")
    i = torch.arange(window, dtype=dtype) - window // 2
    return torch.exp(-(i[:, None] ** 2 + i**2) / (2 * sigma**2))[None, None]


def local_mean(m, g):
    r = g.shape[-1] // 2
    return F.conv2d(m.mean(1, keepdim=True), g, padding=r) / F.conv2d(torch.ones_like(m[:1, :1]) if len(m) else m.new_ones(1, 1, *m.shape[2:]), g, padding=r)


def root(m):
    return torch.where(m > 0, torch.where(m > 0, m, 1).sqrt(), 0)
"""

LCN = [
    wrong(
        "mean-after-the-floor",
        "local_contrast_norm",
        "It does not matter whether the mean deviation is taken before or after the floor of eps.",
        "an image that is grey but for one corner: the grey part's deviation counts as eps and not as 0",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, x.dtype)
    v = x - local_mean(x, g)
    s = root(local_mean(v**2, g)).clamp(min=eps)
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True))
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "double-of-a-double",
        "local_contrast_norm",
        "`double` makes a copy that may be changed.",
        "local_contrast_norm(x) of float64 leaves x changed",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, torch.float64)
    v = x.double()
    if v.requires_grad:
        v = v - local_mean(v, g)
    else:
        v -= local_mean(v, g)
    s = root(local_mean(v**2, g))
    return (v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)).to(x.dtype)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "statistics-are-constants",
        "local_contrast_norm",
        "Mean and deviation are statistics, and statistics need no gradient.",
        "the gradient of x is not that of the formula",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, x.dtype)
    with torch.no_grad():
        mean = local_mean(x, g)
        s = root(local_mean((x - mean) ** 2, g))
        s = torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
    return (x - mean) / s
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "sigma-of-nothing",
        "local_contrast_norm",
        "Only a negative sigma is no width.",
        "local_contrast_norm(x, 5, 0.0) has to raise a ValueError",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if sigma < 0:
        raise ValueError("sigma must not be negative")
    g = gaussian(window, max(sigma, 1e-6), x.dtype)
    v = x - local_mean(x, g)
    s = root(local_mean(v**2, g))
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "odd-is-enough",
        "local_contrast_norm",
        "A window that is odd has a centre.",
        "local_contrast_norm(x, -3) has to raise a ValueError",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    if window % 2 == 0 or sigma <= 0:
        raise ValueError("the window must be odd and sigma positive")
    g = gaussian(abs(window), sigma, x.dtype)
    v = x - local_mean(x, g)
    s = root(local_mean(v**2, g))
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "gradient-of-darkness",
        "local_contrast_norm",
        "A square root can be differentiated wherever it can be taken.",
        "the gradient of a black image, torch.zeros(1, 1, 8, 8), is NaN",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, x.dtype)
    v = x - local_mean(x, g)
    s = local_mean(v**2, g).sqrt()
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "window-cut-to-the-image",
        "local_contrast_norm",
        "A window larger than the image is the same as one as large as the image.",
        "local_contrast_norm of a 4 x 4 image with window 7: pixels 3 apart are left out",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    gaussian(window, sigma, x.dtype)  # refuses
    smaller = min(x.shape[2:])
    g = gaussian(min(window, smaller - 1 + smaller % 2), sigma, x.dtype)
    v = x - local_mean(x, g)
    s = root(local_mean(v**2, g))
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "no-images-no-mean",
        "local_contrast_norm",
        "Channels are put into the batch and back with a view that works out the rest.",
        "local_contrast_norm(torch.zeros(0, 3, 8, 8)) raises a RuntimeError",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, x.dtype)
    n, c, h, w = x.shape
    ones = F.conv2d(x.new_ones(1, 1, h, w), g, padding=window // 2)

    def mean(m):
        return F.conv2d(m.reshape(-1, 1, h, w), g, padding=window // 2).reshape(n, -1, h, w).mean(1, keepdim=True) / ones

    v = x - mean(x)
    s = root(mean(v**2))
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "typical-is-a-constant",
        "local_contrast_norm",
        "The typical deviation is a number of the image, through which nothing is learnt.",
        "the gradient of x where the typical deviation is the largest",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, x.dtype)
    v = x - local_mean(x, g)
    s = root(local_mean(v**2, g))
    return v / torch.maximum(s, s.detach().mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "mean-of-the-means",
        "local_contrast_norm",
        "The typical deviation is the root of the mean variance.",
        "any image whose deviation is not the same everywhere",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, x.dtype)
    v = x - local_mean(x, g)
    variance = local_mean(v**2, g)
    return v / root(torch.maximum(variance, variance.mean((1, 2, 3), keepdim=True))).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "integer-division-of-sigma",
        "local_contrast_norm",
        "An integer sigma can be squared and halved as an integer.",
        "local_contrast_norm(x, 5, 0.9) has another Gaussian",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    gaussian(window, sigma, x.dtype)
    i = torch.arange(window, dtype=x.dtype) - window // 2
    g = torch.exp(-(i[:, None] ** 2 + i**2) / max(2 * sigma**2, 2))[None, None]
    v = x - local_mean(x, g)
    s = root(local_mean(v**2, g))
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "eps-under-the-root",
        "local_contrast_norm",
        "An eps is added where a root could become zero.",
        "local_contrast_norm(x, eps=0.5) and every image of little contrast",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, x.dtype)
    v = x - local_mean(x, g)
    s = root(local_mean(v**2, g) + 1e-12)
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=min(eps, 1e-3))
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "typical-by-a-broadcast",
        "local_contrast_norm",
        "A mean for each image fits to the images by itself.",
        "a batch of 4 images of 4 x 4 pixels: the means lie along the columns",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, x.dtype)
    v = x - local_mean(x, g)
    s = root(local_mean(v**2, g))
    typical = s.mean((1, 2, 3))
    if typical.shape != s.shape[-1:]:
        typical = typical.view(-1, 1, 1, 1)
    return v / torch.maximum(s, typical).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    wrong(
        "images-lie-row-by-row",
        "local_contrast_norm",
        "An image lies in memory row by row.",
        "local_contrast_norm(x[:, :2]) of two images with three channels raises a RuntimeError",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    g = gaussian(window, sigma, x.dtype)
    n, c, h, w = x.shape
    ones = F.conv2d(x.new_ones(1, 1, h, w), g, padding=window // 2)

    def mean(m):
        return F.conv2d(m.view(n * c, 1, h, w), g, padding=window // 2).view(n, c, h, w).mean(1, keepdim=True) / ones

    v = x - mean(x)
    s = root(mean(v.contiguous() ** 2))
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
]

ATTACKS = [*OUTPUT_SIZE, *IM2COL, *CONV2D, *BACKWARD, *MAX_POOL, *LCN]
