"""Right in an idiosyncratic way, written from the statement of a1-convolution alone: all of it must pass."""

# ruff: noqa: E501 - students' lines are as long as students' lines

from __future__ import annotations

from autograder.authoring.attacks import UNUSUAL, Attack

A1 = "a1-convolution"


def right(id: str, on: str, title: str, cell: str, **more: object) -> Attack:
    """A right solution of one exercise of a1, with the cells ``before`` and ``after`` that it needs."""
    return Attack(f"fresh-{id}", UNUSUAL, title, cell.strip("\n"), ("passed",), on=on, only=A1, **more)


OUTPUT_SIZE = [
    right(
        "match-divmod",
        "output_size",
        "A match statement over divmod, and an exception class that is a ValueError.",
        '''
class WindowError(ValueError):
    """No window can be laid."""


def output_size(n, k, s=1, p=0, d=1):
    match (k, s, d, p):
        case (k, s, d, p) if min(k, s, d) < 1 or p < 0:
            raise WindowError(f"a window needs k, s and d of at least 1 and p of at least 0, got {k=}, {s=}, {d=}, {p=}")
    match divmod(n + 2 * p - (reach := d * (k - 1) + 1), s):
        case (steps, _) if steps >= 0:
            return 1 + steps
        case _:
            raise WindowError(f"a window that reaches over {reach} pixels does not fit into {n} + 2 * {p} pixels")
''',
    ),
    right(
        "frozen-dataclass",
        "output_size",
        "A frozen dataclass that checks itself, with the size as a cached property.",
        """
import dataclasses
import functools


@dataclasses.dataclass(frozen=True)
class Axis:
    n: int
    k: int
    s: int = 1
    p: int = 0
    d: int = 1

    def __post_init__(self):
        for field in dataclasses.fields(self):
            lowest = {"n": None, "p": 0}.get(field.name, 1)
            if lowest is not None and getattr(self, field.name) < lowest:
                raise ValueError(f"{field.name} must not be smaller than {lowest}")
        if self.room < 0:
            raise ValueError("Not even one window fits on this axis.")

    @functools.cached_property
    def room(self) -> int:
        return self.n + 2 * self.p - self.d * (self.k - 1) - 1

    def __len__(self):
        raise TypeError("may be too long for len()")

    @property
    def windows(self) -> int:
        return -(-(self.room + 1) // self.s)


def output_size(*args, **kwargs):
    return Axis(*args, **kwargs).windows
""",
    ),
    right(
        "exact-fraction",
        "output_size",
        "Fractions, a curried function and math.floor.",
        """
from fractions import Fraction
from math import floor


def windows(s):
    return lambda room: floor(Fraction(room, s)) + 1


def output_size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
    if not (k >= 1 and s >= 1 and d >= 1 and p >= 0):
        raise ValueError("k, s and d have to be positive and p must not be negative")
    if (size := windows(s)(n + 2 * p - d * (k - 1) - 1)) > 0:
        return size
    raise ValueError("the window is larger than the padded axis, so it does not fit")
""",
    ),
    right(
        "object-array",
        "output_size",
        "NumPy arrays of Python's own integers, which do not overflow.",
        """
import numpy as np

FORMULA = np.array([1, 2], dtype=object)


def output_size(n, k, s=1, p=0, d=1):
    given = np.array([k, s, d, p + 1], dtype=object)
    if (given < 1).any():
        raise ValueError("one of the parameters makes no sense: " + str(given))
    room = (FORMULA * np.array([n, p], dtype=object)).sum() - d * (k - 1) - 1
    size = np.floor_divide(np.array([room], dtype=object), s).item() + 1
    if size < 1:
        raise ValueError("there is no place for a single window")
    return size
""",
    ),
    right(
        "last-of-a-range",
        "output_size",
        "The index of the last entry of a range, which Python finds without counting.",
        """
def output_size(n, k, s=1, p=0, d=1):
    # the starts of all windows; a range is exact and lazy, but len() of a very long one overflows
    if any((k < 1, s < 1, d < 1, p < 0)):
        raise ValueError("these parameters make no sense for a sliding window")
    starts = range(0, n + 2 * p - d * (k - 1), s)
    if not starts:
        raise ValueError("the kernel is too large for the axis")
    return starts.index(starts[-1]) + 1
""",
    ),
    right(
        "checked-by-decorator",
        "output_size",
        "A decorator with parameters checks what comes in.",
        """
import functools


def at_least(**lowest):
    def decorate(f):
        @functools.wraps(f)
        def checked(n, k, s=1, p=0, d=1):
            values = dict(n=n, k=k, s=s, p=p, d=d)
            bad = [name for name, low in lowest.items() if values[name] < low]
            if bad:
                raise ValueError(f"{' and '.join(bad)} must be larger")
            return f(**values)
        return checked
    return decorate


@at_least(k=1, s=1, p=0, d=1)
def output_size(n, k, s=1, p=0, d=1):
    try:
        assert (free := n + 2 * p - d * (k - 1) - 1) >= 0
    except AssertionError as nothing:
        raise ValueError("no window fits between the ends of the padding") from nothing
    else:
        return free // s + 1
""",
    ),
]

IM2COL = [
    right(
        "unfold-then-thin",
        "im2col",
        "Tensor.unfold over the whole reach, thinned by slices with steps.",
        """
def im2col(x, kernel_size, stride=1, dilation=1):
    (kh, kw), (sh, sw), (dh, dw) = map(pair, (kernel_size, stride, dilation))
    try:
        out = x.unfold(2, dh * (kh - 1) + 1, sh).unfold(3, dw * (kw - 1) + 1, sw)
    except RuntimeError as e:
        raise ValueError(f"window does not fit: {e}")
    return out[..., ::dh, ::dw].permute(0, 1, 4, 5, 2, 3)
""",
    ),
    right(
        "recursion-over-two-axes",
        "im2col",
        "Recursion over the two axes, from the last to the first.",
        '''
def slide(x, axis, sizes):
    """Unfold the spatial axes one after the other; the depth is always two."""
    if not sizes:
        return x
    *others, (k, s, d) = sizes
    reach = d * (k - 1) + 1
    if x.size(axis) < reach:
        raise ValueError(f"a window that reaches over {reach} pixels does not fit into {x.size(axis)}")
    windows = x.unfold(axis, reach, s)[..., ::d]
    return slide(windows.movedim(-1, 2), axis - (len(sizes) == 1), others) if others else windows.movedim(-1, 2)


def im2col(x, kernel_size, stride=1, dilation=1):
    windows = slide(x, 3, list(zip(pair(kernel_size), pair(stride), pair(dilation)))[1:])  # N C kw H Wo
    rows = slide(windows, 3, list(zip(pair(kernel_size), pair(stride), pair(dilation)))[:1])  # N C kh kw Ho Wo
    return rows
''',
    ),
    right(
        "named-strides",
        "im2col",
        "A NamedTuple an axis, and as_strided from generators over them.",
        """
from typing import NamedTuple


class Axis(NamedTuple):
    size: int
    jump: int

    def windows(self, k, s, d):
        n = (self.size - d * (k - 1) - 1) // s + 1
        if n <= 0:
            raise ValueError("the window does not fit into the image")
        return Axis(k, self.jump * d), Axis(n, self.jump * s)


def im2col(x, kernel_size, stride=1, dilation=1):
    n, c, *space = (Axis(*both) for both in zip(x.shape, x.stride()))
    parameters = zip(pair(kernel_size), pair(stride), pair(dilation))
    (i, u), (j, v) = (axis.windows(*three) for axis, three in zip(space, parameters))
    sizes, jumps = zip(n, c, i, j, u, v)
    return torch.as_strided(x, sizes, jumps, x.storage_offset())
""",
    ),
    right(
        "narrow-and-unflatten",
        "im2col",
        "Views by narrow, swapaxes, movedim, mT and slices.",
        """
import functools


def axis_windows(x: torch.Tensor, dim: int, k: int, s: int, d: int) -> torch.Tensor:
    reach = (k - 1) * d + 1
    if reach > x.shape[dim]:
        raise ValueError(f"dimension {dim} has only {x.shape[dim]} pixels, the window reaches over {reach}")
    used = x.narrow(dim, 0, (x.shape[dim] - reach) // s * s + reach)  # drop what no window sees
    return used.unfold(dim, reach, s).swapaxes(0, -1)[::d].swapaxes(-1, 0)


def im2col(x, kernel_size, stride=1, dilation=1):
    todo = list(zip((2, 3), pair(kernel_size), pair(stride), pair(dilation)))
    y = functools.reduce(lambda t, how: axis_windows(t, *how), todo, x)  # N C Ho Wo kh kw
    return y.movedim((4, 5), (2, 3))
""",
    ),
    right(
        "one-operand-einsum",
        "im2col",
        "The axes are put in order by an einsum with a single operand, which makes a view.",
        """
def im2col(x, kernel_size, stride=1, dilation=1):
    kh, kw, sh, sw, dh, dw = *pair(kernel_size), *pair(stride), *pair(dilation)
    if dh * (kh - 1) >= x.shape[-2] or dw * (kw - 1) >= x.shape[-1]:
        raise ValueError("The (dilated) window is larger than the image.")
    return torch.einsum("...yzij->...ijyz", x.unfold(-2, dh * (kh - 1) + 1, sh).unfold(-2, dw * (kw - 1) + 1, sw)[..., ::dh, ::dw])
""",
    ),
    right(
        "vmapped-planes",
        "im2col",
        "The windows of one plane, mapped over images and channels by torch.vmap.",
        """
def plane_windows(plane, k, s, d):
    rows = plane.unfold(0, d[0] * (k[0] - 1) + 1, s[0])
    both = rows.unfold(1, d[1] * (k[1] - 1) + 1, s[1])
    return both[..., :: d[0], :: d[1]].permute(2, 3, 0, 1)


def im2col(x, kernel_size, stride=1, dilation=1):
    k, s, d = pair(kernel_size), pair(stride), pair(dilation)
    if x.shape[2] <= d[0] * (k[0] - 1) or x.shape[3] <= d[1] * (k[1] - 1):
        raise ValueError("This window does not fit.")
    if len(x) == 0:  # vmap does not like empty batches
        h, w = ((x.shape[a + 2] - d[a] * (k[a] - 1) - 1) // s[a] + 1 for a in (0, 1))
        return x[:, :, :1, :1, None, None].expand(0, x.shape[1], *k, h, w)
    each = torch.vmap(torch.vmap(lambda plane: plane_windows(plane, k, s, d)))
    return each(x)
""",
    ),
]

# What several of the layers below begin with.
CHECKED = '''
def checked(x, w, stride, padding, dilation):
    """The six numbers and the size of the output, or a ValueError."""
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    if x.shape[1] != w.shape[1]:
        raise ValueError(f"the image has {x.shape[1]} channels and the kernel {w.shape[1]}")
    ho = (x.shape[2] + 2 * ph - dh * (w.shape[2] - 1) - 1) // sh + 1
    wo = (x.shape[3] + 2 * pw - dw * (w.shape[3] - 1) - 1) // sw + 1
    if ho < 1 or wo < 1:
        raise ValueError("the kernel does not fit into the padded image")
    return sh, sw, ph, pw, dh, dw, ho, wo
'''

CONV2D = [
    right(
        "selection-matrices",
        "conv2d",
        "A 0-1 matrix an axis says which pixel meets which weight; one einsum, no padding at all.",
        '''
def meets(size, out, k, s, p, d, like):
    """meets[i, u, y] = 1 where weight i of window u lies on pixel y; rows in the padding stay empty"""
    i, u, y = torch.arange(k)[:, None, None], torch.arange(out)[:, None], torch.arange(size)
    return (u * s + i * d - p == y).to(like)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    rows = meets(x.shape[2], ho, w.shape[2], sh, ph, dh, x)
    cols = meets(x.shape[3], wo, w.shape[3], sw, pw, dw, x)
    y = torch.einsum("ncyz,iuy,jvz,ocij->nouv", x, rows, cols, w)
    return y if b is None else y + b[:, None, None]
''',
        before=(CHECKED,),
    ),
    right(
        "index-select",
        "conv2d",
        "Rows and columns by index_select, then tensordot.",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    (n, c), (o, _, kh, kw) = x.shape[:2], w.shape
    canvas = x.new_zeros(n, c, x.shape[2] + 2 * ph, x.shape[3] + 2 * pw)
    canvas[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]] = x
    rows = (dh * torch.arange(kh)[:, None] + sh * torch.arange(ho)).ravel()
    cols = (dw * torch.arange(kw)[:, None] + sw * torch.arange(wo)).ravel()
    seen = canvas.index_select(2, rows).index_select(3, cols).view(n, c, kh, ho, kw, wo)
    y = torch.tensordot(seen, w, dims=([1, 2, 4], [1, 2, 3])).movedim(-1, 1)
    if b is not None:
        y = y + b.reshape(1, -1, 1, 1)
    return y
""",
        before=(CHECKED,),
    ),
    right(
        "advanced-indexing",
        "conv2d",
        "Broadcast index tensors and an einsum with ellipses.",
        '''
class Taps:
    """Which pixel each tap of the kernel sees, for one axis."""

    def __init__(self, out, k, s, d):
        self.grid = torch.arange(out).mul(s).unsqueeze(-1) + torch.arange(k).mul(d)

    def __call__(self, before, after):
        return self.grid[(None,) * before + (...,) + (None,) * after]


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    padded = F.pad(x, [pw, pw, ph, ph])
    down, across = Taps(ho, w.size(2), sh, dh), Taps(wo, w.size(3), sw, dw)
    grid = padded[..., down.grid[:, None, :, None], across.grid[None, :, None, :]]  # N C Ho Wo kh kw
    out = torch.einsum("bc...ij,ocij->bo...", grid, w)
    return out if b is None else out.add(b.view(-1, 1, 1))
''',
        before=(CHECKED,),
    ),
    right(
        "module-without-forward-loops",
        "conv2d",
        "An nn.Module without parameters of its own, called with the weights.",
        """
from torch import nn


class MyConv2d(nn.Module):
    def __init__(self, stride, padding, dilation):
        super().__init__()
        self.stride, self.padding, self.dilation = pair(stride), pair(padding), pair(dilation)
        self.pad = nn.ZeroPad2d((self.padding[1], self.padding[1], self.padding[0], self.padding[0]))

    def extra_repr(self):
        return f"{self.stride=}, {self.padding=}, {self.dilation=}"

    def forward(self, x, weight, bias=None):
        if x.shape[1] != weight.shape[1]:
            raise ValueError(f"expected {weight.shape[1]} channels, got {x.shape[1]} in {self}")
        x = self.pad(x)
        for axis, k, s, d in zip((2, 3), weight.shape[2:], self.stride, self.dilation):
            if x.shape[axis] < d * (k - 1) + 1:
                raise ValueError(f"the kernel does not fit along axis {axis} in {self}")
            x = x.unfold(axis, d * (k - 1) + 1, s)[..., ::d]
        windows = x.permute(0, 2, 3, 1, 4, 5).flatten(3)
        return F.linear(windows, weight.flatten(1), bias).permute(0, 3, 1, 2)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    return MyConv2d(stride, padding, dilation)(x, w, b)
""",
    ),
    right(
        "numpy-and-own-backward",
        "conv2d",
        "An autograd.Function whose forward and backward are NumPy's einsum and add.at.",
        """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def places(shape, k, s, d, out):
    r = np.arange(k[0])[:, None, None, None] * d[0] + np.arange(out[0])[:, None] * s[0]
    c = np.arange(k[1])[:, None, None] * d[1] + np.arange(out[1]) * s[1]
    return np.broadcast_arrays(r, c)


class Correlate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, stride, padding, dilation):
        a, k = x.detach().numpy(), w.detach().numpy()
        a = np.pad(a, [(0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2])
        reach = [d * (n - 1) + 1 for n, d in zip(k.shape[2:], dilation)]
        windows = sliding_window_view(a, reach, axis=(2, 3))
        windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
        ctx.save_for_backward(x, w)
        ctx.numbers = stride, padding, dilation
        ctx.windows = windows
        return torch.from_numpy(np.ascontiguousarray(np.einsum("ncuvij,ocij->nouv", windows, k, optimize=True)))

    @staticmethod
    def backward(ctx, grad):
        (x, w), (s, p, d) = ctx.saved_tensors, ctx.numbers
        g = grad.numpy()
        dw = np.einsum("ncuvij,nouv->ocij", ctx.windows, g, optimize=True)
        cols = np.einsum("nouv,ocij->ncijuv", g, w.detach().numpy(), optimize=True)
        padded = np.zeros((*x.shape[:2], x.shape[2] + 2 * p[0], x.shape[3] + 2 * p[1]), dtype=g.dtype)
        rows, columns = places(padded.shape, w.shape[2:], s, d, g.shape[2:])
        np.add.at(padded, (slice(None), slice(None), rows, columns), cols)
        dx = padded[:, :, p[0] : p[0] + x.shape[2], p[1] : p[1] + x.shape[3]]
        return torch.from_numpy(dx.copy()), torch.from_numpy(dw.copy()), None, None, None


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    checked(x, w, stride, padding, dilation)
    y = Correlate.apply(x, w, pair(stride), pair(padding), pair(dilation))
    return y if b is None else y + b.unsqueeze(-1).unsqueeze(-1)
""",
        before=(CHECKED,),
    ),
    right(
        "vmapped-filters",
        "conv2d",
        "One image and one filter, mapped twice by torch.vmap.",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    kh, kw = w.shape[2:]

    def one(image, kernel):
        windows = image.unfold(1, dh * (kh - 1) + 1, sh).unfold(2, dw * (kw - 1) + 1, sw)[..., ::dh, ::dw]
        return (windows * kernel[:, None, None]).sum((0, 3, 4))

    if x.shape[0] == 0:
        y = (x.sum() + w.sum()) * x.new_ones(0, w.shape[0], ho, wo)
    else:
        over_filters = torch.vmap(one, in_dims=(None, 0))
        y = torch.vmap(over_filters, in_dims=(0, None))(F.pad(x, (pw, pw, ph, ph)), w)
    return y if b is None else y + b[None, :, None, None]
""",
        before=(CHECKED,),
    ),
    right(
        "sparse-matrix",
        "conv2d",
        "The whole layer as a sparse matrix whose entries are the weights.",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    x = F.pad(x, (pw, pw, ph, ph))
    n, c, h, wi = x.shape
    o, _, kh, kw = w.shape
    shape = (o, c, kh, kw, ho, wo)
    O, C, I, J, U, V = (torch.arange(m).view([-1 if a == b else 1 for b in range(6)]) for a, m in enumerate(shape))
    row = ((O * ho + U) * wo + V).expand(shape).reshape(-1)
    col = ((C * h + U * sh + I * dh) * wi + V * sw + J * dw).expand(shape).reshape(-1)
    values = w[..., None, None].expand(shape).reshape(-1)
    layer = torch.sparse_coo_tensor(torch.stack([row, col]), values, (o * ho * wo, c * h * wi), check_invariants=False)
    y = torch.sparse.mm(layer, x.reshape(n, c * h * wi).T).T.reshape(n, o, ho, wo)
    if b is not None:
        y = y + b.view(1, o, 1, 1)
    return y
""",
        before=(CHECKED,),
    ),
    right(
        "embedding-lookup",
        "conv2d",
        "Pixels are looked up like words, by F.embedding, and summed in double precision.",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    xx = F.pad(x.double(), (pw, pw, ph, ph))
    n, c, h, width = xx.shape
    kh, kw = w.shape[-2:]
    table = xx.permute(2, 3, 0, 1).reshape(h * width, n * c)
    i, j, u, v = torch.meshgrid(*(torch.arange(m) for m in (kh, kw, ho, wo)), indexing="ij")
    words = F.embedding((u * sh + i * dh) * width + v * sw + j * dw, table)  # kh kw Ho Wo N*C
    sentence = words.reshape(kh * kw, ho * wo, n, c).permute(2, 1, 3, 0).reshape(n, ho * wo, c * kh * kw)
    y = sentence @ w.double().reshape(w.shape[0], c * kh * kw).mT
    if b is not None:
        y = y + b.double()
    return y.mT.reshape(n, w.shape[0], ho, wo).to(x.dtype)
""",
        before=(CHECKED,),
    ),
    right(
        "named-conv-everywhere",
        "conv2d",
        "A class Conv2d with a method conv2d and an attribute conv, all of the student's own making.",
        '''
class Conv2d:
    """my own layer - not torch's!"""

    def __init__(self, **options):
        self.conv = self.conv2d
        self.options = options

    def conv2d(self, x, w, b, stride, padding, dilation):
        sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
        x = F.pad(x, (pw, pw, ph, ph))
        N, C, H, W = x.stride()
        view = x.as_strided((*x.shape[:2], *w.shape[2:], ho, wo), (N, C, H * dh, W * dw, H * sh, W * sw))
        y = (w.flatten(1) @ view.reshape(len(x), w[0].numel(), ho * wo)).unflatten(-1, (ho, wo))
        return y + b[:, None, None] if b is not None else y

    def __call__(self, x, w, b=None):
        return self.conv(x, w, b, **self.options)


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    convolution = Conv2d(stride=stride, padding=padding, dilation=dilation)
    return convolution(x, w, b)
''',
        before=(CHECKED,),
    ),
    right(
        "helper-of-another-exercise",
        "conv2d",
        "A cell holds the local mean of exercise 6, where F.conv2d is allowed, as a function.",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    cols = F.pad(x, (pw, pw, ph, ph)).unfold(2, dh * (w.shape[2] - 1) + 1, sh).unfold(3, dw * (w.shape[3] - 1) + 1, sw)
    out = torch.einsum("nchwij,ocij->nohw", cols[..., ::dh, ::dw], w)
    return out if b is None else out + b.view(-1, 1, 1)
""",
        before=(CHECKED,),
        after=(
            """
import torch
import torch.nn.functional as F


def weighted_mean(m, kernel):
    # for local_contrast_norm
    r = kernel.shape[-1] // 2
    ones = torch.ones_like(m[:1, :1])
    return F.conv2d(m.mean(1, keepdim=True), kernel, padding=r) / F.conv2d(ones, kernel, padding=r)
""",
            """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    i = torch.arange(window, dtype=x.dtype) - window // 2
    g = torch.exp(-(i[:, None] ** 2 + i**2) / (2 * sigma**2))[None, None]
    v = x - weighted_mean(x, g)
    s = weighted_mean(v**2, g).sqrt()
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        ),
    ),
    right(
        "own-test-function",
        "conv2d",
        "A function in a cell of its own compares with F.conv2d, as one does.",
        """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    cols = F.pad(x, (pw, pw, ph, ph)).unfold(2, dh * (w.shape[2] - 1) + 1, sh).unfold(3, dw * (w.shape[3] - 1) + 1, sw)
    out = torch.einsum("nchwij,ocij->nohw", cols[..., ::dh, ::dw], w)
    return out if b is None else out + b.view(-1, 1, 1)
""",
        before=(CHECKED,),
        after=(
            '''
import torch
from torch.nn import functional as F


def test_my_conv(trials=20):
    """Compare with PyTorch on random parameters."""
    for seed in range(trials):
        torch.manual_seed(seed)
        x, w = torch.randn(2, 3, 9, 8), torch.randn(4, 3, 3, 2)
        s, p = seed % 3 + 1, seed % 2
        torch.testing.assert_close(conv2d(x, w, stride=s, padding=p), F.conv2d(x, w, stride=s, padding=p), rtol=1e-4, atol=1e-4)
    print("all", trials, "trials agree")


test_my_conv()
''',
        ),
    ),
    right(
        "logged-and-timed",
        "conv2d",
        "A context manager that times, a logger, warnings and a global counter.",
        """
import contextlib
import logging
import time
import warnings

logging.basicConfig(level=logging.INFO)
log = logging.getLogger("conv")
CALLS = 0


@contextlib.contextmanager
def timed(what):
    start = time.perf_counter()
    yield
    log.debug("%s took %.3f ms", what, 1e3 * (time.perf_counter() - start))


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    global CALLS
    CALLS += 1
    if CALLS == 1:
        warnings.warn("first call of my layer")
    with timed("conv2d"):
        sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
        x = F.pad(x, (pw, pw, ph, ph))
        rows = sh * torch.arange(ho).unsqueeze(1) + dh * torch.arange(w.shape[2])
        cols = sw * torch.arange(wo).unsqueeze(1) + dw * torch.arange(w.shape[3])
        y = torch.einsum("ncuivj,ocij->nouv", x[:, :, rows][..., cols], w)
        log.info("result of shape %s", tuple(y.shape))
        return y if b is None else y + b[..., None, None]
""",
        before=(CHECKED,),
    ),
]

BACKWARD_CHECK = """
def layer_size(x, w, stride, padding):
    s, p = pair(stride), pair(padding)
    return tuple((x.shape[2 + a] + 2 * p[a] - w.shape[2 + a]) // s[a] + 1 for a in (0, 1))


def expect_shape(grad_out, x, w, stride, padding):
    shape = (x.shape[0], w.shape[0], *layer_size(x, w, stride, padding))
    if tuple(grad_out.shape) != shape or min(shape[2:]) < 1:
        raise ValueError(f"grad_out should have shape {shape} and has {tuple(grad_out.shape)}")
"""

BACKWARD = [
    right(
        "selection-both-ways",
        "conv2d_backward",
        "The 0-1 matrices of an axis, used forwards for the kernel and backwards for the image.",
        """
def selector(size, out, k, s, p, like):
    i, u, y = torch.meshgrid(torch.arange(k), torch.arange(out), torch.arange(size), indexing="ij")
    return torch.eq(u * s + i - p, y).type_as(like)


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    A, B = (selector(n, o, k, s, p, x) for n, o, k, s, p in zip(x.shape[2:], grad_out.shape[2:], w.shape[2:], pair(stride), pair(padding)))
    grad_x = torch.einsum("nouv,ocij,iuy,jvz->ncyz", grad_out, w, A, B)
    grad_w = torch.einsum("nouv,ncyz,iuy,jvz->ocij", grad_out, x, A, B)
    return grad_x, grad_w, torch.einsum("nouv->o", grad_out)
""",
        before=(BACKWARD_CHECK,),
    ),
    right(
        "columns-added-by-index",
        "conv2d_backward",
        "A transposed convolution: a matrix product, and index_add_ over flat places.",
        """
@torch.no_grad()
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    n, c, h, wd = x.shape
    o, _, kh, kw = w.shape
    ho, wo = grad_out.shape[2:]
    xp = F.pad(x, (pw, pw, ph, ph))
    hp, wp = xp.shape[2:]
    r = torch.arange(kh).view(-1, 1, 1, 1) + sh * torch.arange(ho).view(-1, 1)
    q = torch.arange(kw).view(-1, 1, 1) + sw * torch.arange(wo)
    flat = (r * wp + q).flatten()
    g = grad_out.reshape(n, o, ho * wo)
    cols = xp.reshape(n, c, hp * wp)[:, :, flat].reshape(n, c * kh * kw, ho * wo)
    grad_w = torch.bmm(g, cols.transpose(1, 2)).sum(0).view(w.shape)
    back = torch.matmul(w.reshape(o, c * kh * kw).t(), g).reshape(n, c, kh * kw * ho * wo)
    grad_x = torch.zeros_like(xp.reshape(n, c, hp * wp)).index_add_(2, flat, back).view(n, c, hp, wp)
    return grad_x[:, :, ph : ph + h, pw : pw + wd].contiguous(), grad_w, g.sum(dim=(0, 2))
""",
        before=(BACKWARD_CHECK,),
    ),
    right(
        "spread-and-flip",
        "conv2d_backward",
        "Zeros between by a strided view of a buffer, then the flipped kernel over Tensor.unfold.",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    kh, kw = w.shape[2:]
    n, o, ho, wo = grad_out.shape
    # room for k - 1 zeros in front, and so many behind that every pixel of the padded image is reached
    buffer = grad_out.new_zeros(n, o, x.shape[2] + 2 * ph + kh - 1, x.shape[3] + 2 * pw + kw - 1)
    buffer[:, :, kh - 1 : kh + (ho - 1) * sh : sh, kw - 1 : kw + (wo - 1) * sw : sw] += grad_out
    windows = buffer.unfold(2, kh, 1).unfold(3, kw, 1)
    grad_x = torch.einsum("noyzij,ocij->ncyz", windows, w.flip(2, 3))[:, :, ph:, pw:][:, :, : x.shape[2], : x.shape[3]]
    seen = F.pad(x, (pw,) * 2 + (ph,) * 2).unfold(2, kh, sh).unfold(3, kw, sw)
    return grad_x, torch.einsum("ncuvij,nouv->ocij", seen, grad_out), grad_out.sum([0, 2, 3])
""",
        before=(BACKWARD_CHECK,),
    ),
    right(
        "counted-by-bincount",
        "conv2d_backward",
        "NumPy in and out: the image's gradient is a bincount with weights.",
        """
import numpy as np


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    g, a, k = (t.detach().numpy().astype(np.float64) for t in (grad_out, x, w))
    a = np.pad(a, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    n, c, hp, wp = a.shape
    windows = np.lib.stride_tricks.sliding_window_view(a, k.shape[2:], axis=(2, 3))[:, :, ::sh, ::sw]
    grad_w = np.einsum("ncuvij,nouv->ocij", windows, g, optimize=True)
    place = np.arange(a.size).reshape(a.shape)
    place = np.lib.stride_tricks.sliding_window_view(place, k.shape[2:], axis=(2, 3))[:, :, ::sh, ::sw]
    cols = np.einsum("nouv,ocij->ncuvij", g, k, optimize=True)
    grad_a = np.bincount(place.ravel(), cols.ravel(), minlength=a.size).reshape(a.shape)
    grad_x = grad_a[:, :, ph : hp - ph, pw : wp - pw]
    return tuple(torch.from_numpy(np.ascontiguousarray(t)).to(x.dtype) for t in (grad_x, grad_w, g.sum((0, 2, 3))))
""",
        before=(BACKWARD_CHECK,),
    ),
    right(
        "dataclass-of-gradients",
        "conv2d_backward",
        "A class with three cached gradients, unpacked into a tuple; index_put_ with accumulate.",
        """
from dataclasses import dataclass
from functools import cached_property


@dataclass
class Backward:
    g: torch.Tensor
    x: torch.Tensor
    w: torch.Tensor
    s: tuple
    p: tuple

    @cached_property
    def grid(self):
        rows, cols = (self.s[a] * torch.arange(self.g.shape[2 + a])[:, None] + torch.arange(self.w.shape[2 + a]) for a in (0, 1))
        return rows[:, None, :, None], cols[None, :, None, :]

    @cached_property
    def padded(self):
        (h, w), (y, x) = self.x.shape[2:], self.p
        big = self.x.new_zeros(self.x.shape[0], self.x.shape[1], h + 2 * y, w + 2 * x)
        big[..., y : y + h, x : x + w].copy_(self.x)
        return big

    @property
    def weights(self):
        return torch.tensordot(self.g, self.padded[(..., *self.grid)], ([0, 2, 3], [0, 2, 3]))

    @property
    def image(self):
        per_window = torch.tensordot(self.g, self.w, ([1], [0])).permute(1, 2, 4, 5, 0, 3)  # u v i j n c
        total = torch.zeros_like(self.padded).permute(2, 3, 0, 1)
        total.index_put_(self.grid, per_window, accumulate=True)
        (y, x), (h, w) = self.p, self.x.shape[2:]
        return total[y : y + h, x : x + w].permute(2, 3, 0, 1)

    @property
    def bias(self):
        return self.g.flatten(2).sum(-1).sum(0)

    def __iter__(self):
        return iter((self.image, self.weights, self.bias))


def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    return tuple(Backward(grad_out, x, w, pair(stride), pair(padding)))
""",
        before=(BACKWARD_CHECK,),
    ),
    right(
        "by-one-hot-matmul",
        "conv2d_backward",
        "Broadcasting and matmul with a one-hot matrix from windows to pixels, in double precision.",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    stride, padding = pair(stride), pair(padding)
    with torch.no_grad():
        g, xx, ww = grad_out.to(torch.float64), x.to(torch.float64), w.to(torch.float64)
        along = []
        for axis in (0, 1):  # the two spatial axes, nothing else
            n, k, m = x.shape[2 + axis], w.shape[2 + axis], grad_out.shape[2 + axis]
            where = stride[axis] * torch.arange(m)[:, None] + torch.arange(k)
            along.append(F.one_hot(where, n + 2 * padding[axis]).double()[..., padding[axis] : padding[axis] + n])
        rows, cols = along
        cells = torch.matmul(rows.unsqueeze(0).unsqueeze(0).flatten(2, 3), xx).unflatten(2, rows.shape[:2])  # N C u i W
        cells = torch.matmul(cells.flatten(2, 3), cols.flatten(0, 1).T).reshape(*x.shape[:2], *rows.shape[:2], *cols.shape[:2])
        gw = torch.einsum("ncuivj,nouv->ocij", cells, g)
        gc = torch.einsum("nouv,ocij->ncuivj", g, ww).reshape(*x.shape[:2], rows[..., 0].numel(), cols[..., 0].numel())
        gx = rows.flatten(0, 1).T @ gc @ cols.flatten(0, 1)
    return gx.to(x.dtype), gw.to(w.dtype), g.sum((0, 2, 3)).to(x.dtype)
""",
        before=(BACKWARD_CHECK,),
    ),
    right(
        "compared-with-autograd",
        "conv2d_backward",
        "A function in a cell of its own compares with autograd, as the statement advises.",
        """
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    kh, kw = w.shape[2:]
    n, o, ho, wo = grad_out.shape
    buffer = grad_out.new_zeros(n, o, x.shape[2] + 2 * ph + kh - 1, x.shape[3] + 2 * pw + kw - 1)
    buffer[:, :, kh - 1 : kh + (ho - 1) * sh : sh, kw - 1 : kw + (wo - 1) * sw : sw] = grad_out
    grad_x = torch.einsum("noyzij,ocij->ncyz", buffer.unfold(2, kh, 1).unfold(3, kw, 1), w.flip(2, 3))
    grad_x = grad_x[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]]
    seen = F.pad(x, (pw, pw, ph, ph)).unfold(2, kh, sh).unfold(3, kw, sw)
    return grad_x, torch.einsum("ncuvij,nouv->ocij", seen, grad_out), grad_out.sum((0, 2, 3))
""",
        before=(BACKWARD_CHECK,),
        after=(
            """
import torch
import torch.nn.functional as F


def by_autograd(g, x, w, stride, padding):
    x, w = x.clone().requires_grad_(), w.clone().requires_grad_()
    b = torch.zeros(w.shape[0], requires_grad=True)
    y = F.conv2d(x, w, b, stride=stride, padding=padding)
    return torch.autograd.grad(y, (x, w, b), g)


x, w, g = torch.randn(2, 3, 6, 7), torch.randn(4, 3, 3, 2), torch.randn(2, 4, 3, 4)
for mine, theirs in zip(conv2d_backward(g, x, w, 2, 1), by_autograd(g, x, w, 2, 1)):
    print((mine - theirs).abs().max())
""",
        ),
    ),
]

MAX_POOL = [
    right(
        "clamped-indices",
        "max_pool2d",
        "Indices that are clamped to the image stand for the padding, so there is none.",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    k = pair(kernel_size)
    s = k if stride is None else pair(stride)
    p = pair(padding)
    h, w = x.shape[-2:]
    if 2 * p[0] > k[0] or 2 * p[1] > k[1]:
        raise ValueError("padding is more than half of the kernel")
    if h + 2 * p[0] < k[0] or w + 2 * p[1] < k[1]:
        raise ValueError("the kernel does not fit into the image")
    rows, cols = (
        (torch.arange((n + 2 * q - m) // t + 1)[:, None] * t - q + torch.arange(m)).clamp(0, n - 1)
        for n, m, t, q in zip((h, w), k, s, p)
    )
    # a window that sees padding sees the pixel at the border as well, so looking at it twice changes nothing
    where = (rows[:, None, :, None] * w + cols[None, :, None, :]).flatten(2)
    values, winner = x.flatten(2)[:, :, where].max(-1)
    return values, where.expand(*x.shape[:2], *where.shape).gather(-1, winner.unsqueeze(-1)).squeeze(-1)
""",
    ),
    right(
        "ranks-instead-of-values",
        "max_pool2d",
        "Values become ranks by torch.unique, and rank and place together one integer.",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = pair(stride) if stride is not None else (kh, kw)
    if ph > kh / 2 or pw > kw / 2:
        raise ValueError("too much padding for this kernel")
    n, c, h, w = x.shape
    if kh > h + 2 * ph or kw > w + 2 * pw:
        raise ValueError("the window does not fit")
    levels, rank = torch.unique(x, return_inverse=True)
    backwards = (h * w - 1 - torch.arange(h * w)).view(h, w)  # the first pixel gets the largest number
    key = F.pad(rank * (h * w) + backwards, (pw, pw, ph, ph), value=-1)
    best = key.unfold(2, kh, sh).unfold(3, kw, sw).amax((-2, -1))
    indices = h * w - 1 - best % (h * w)
    return x.reshape(n, c, h * w).gather(2, indices.flatten(2)).view_as(indices), indices
""",
    ),
    right(
        "rows-then-columns",
        "max_pool2d",
        "The largest of each row of a window, then the largest of the rows.",
        '''
def along(x, dim, k, s):
    """The first largest of k, s apart: (values, which)"""
    return x.unfold(dim, k, s).max(dim=-1)


def max_pool2d(x, kernel_size, stride=None, padding=0):
    kh, kw = pair(kernel_size)
    sh, sw = pair(kernel_size if stride is None else stride)
    ph, pw = pair(padding)
    if max(2 * ph - kh, 2 * pw - kw) > 0:
        raise ValueError("padding must not exceed half of the kernel")
    H, W = x.shape[2:]
    if min(H + 2 * ph - kh, W + 2 * pw - kw) < 0:
        raise ValueError("kernel larger than the padded image")
    # repeat the border: as good as minus infinity for a maximum, in every dtype
    y = torch.arange(-ph, H + ph).clamp(0, H - 1)
    z = torch.arange(-pw, W + pw).clamp(0, W - 1)
    padded = x.index_select(2, y).index_select(3, z)
    v1, i1 = along(padded, 3, kw, sw)  # N C Hp Wo
    v2, i2 = along(v1, 2, kh, sh)  # N C Ho Wo
    row = i2 + sh * torch.arange(v2.shape[2]).view(-1, 1)
    col = i1.gather(2, row) + sw * torch.arange(v2.shape[3])
    return v2, y[row] * W + z[col]
''',
    ),
    right(
        "equal-to-the-largest",
        "max_pool2d",
        "The largest by amax; the place is the least index among those equal to it.",
        """
from __future__ import annotations
from typing import Protocol


class Windows(Protocol):
    def __call__(self, plane: torch.Tensor) -> torch.Tensor: ...


def make_windows(k, s, p, inside: torch.Tensor) -> Windows:
    def windows(plane, fill=0):
        padded = F.pad(plane, (p[1], p[1], p[0], p[0]), value=fill)
        return padded.unfold(-2, k[0], s[0]).unfold(-2, k[1], s[1])
    return windows


def max_pool2d(x, kernel_size, stride=None, padding=0):
    k, p = pair(kernel_size), pair(padding)
    s = pair(stride) if stride is not None else k
    if any(2 * a > b for a, b in zip(p, k)):
        raise ValueError("the padding is larger than half of the kernel")
    if any(n + 2 * a < b for n, a, b in zip(x.shape[2:], p, k)):
        raise ValueError("the window is larger than the image")
    h, w = x.shape[2:]
    windows = make_windows(k, s, p, x)
    place = windows(torch.arange(h * w).view(1, 1, h, w), -1)
    low = torch.finfo(x.dtype).min if x.is_floating_point() else torch.iinfo(x.dtype).min
    seen = windows(x)
    largest = torch.where(place >= 0, seen, -torch.inf if x.is_floating_point() else low).amax((-1, -2))
    equal = (seen == largest[..., None, None]) & (place >= 0)
    indices = torch.where(equal, place, h * w).amin((-1, -2))
    return largest, indices
""",
    ),
    right(
        "stable-sort",
        "max_pool2d",
        "A stable sort from the largest to the smallest; padding sorts behind all, by a mask.",
        """
def max_pool2d(x: torch.Tensor, kernel_size, stride=None, padding=0) -> tuple[torch.Tensor, torch.Tensor]:
    (kh, kw), (sh, sw), (ph, pw) = pair(kernel_size), pair(kernel_size if stride is None else stride), pair(padding)
    N, C, H, W = x.shape
    if ph * 2 > kh or pw * 2 > kw:
        raise ValueError(f"padding {padding} > half of kernel {kernel_size}")
    if H + 2 * ph < kh or W + 2 * pw < kw:
        raise ValueError(f"kernel {kernel_size} does not fit")
    cut = lambda t: t.unfold(2, kh, sh).unfold(3, kw, sw).flatten(4)
    plane = F.pad(torch.arange(H * W).view(1, 1, H, W), (pw, pw, ph, ph), value=-1)
    values, places = cut(F.pad(x, (pw, pw, ph, ph))), cut(plane)
    outside = (places < 0).expand_as(values)
    order = values.argsort(dim=-1, descending=True, stable=True)
    # of the sorted ones take the first that is inside
    first = order.gather(-1, outside.gather(-1, order).long().argsort(dim=-1, stable=True)[..., :1])
    return values.gather(-1, first).squeeze(-1), places.expand_as(values).gather(-1, first).squeeze(-1)
""",
    ),
    right(
        "numpy-argmax",
        "max_pool2d",
        "NumPy's argmax over sliding windows of an image whose border is repeated.",
        """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view as swv

def max_pool2d(x, kernel_size, stride=None, padding=0):
    k, p = pair(kernel_size), pair(padding); s = k if stride is None else pair(stride)
    if p[0] > k[0] / 2 or p[1] > k[1] / 2: raise ValueError('padding should be at most half of kernel size')
    if x.shape[2] + 2*p[0] < k[0] or x.shape[3] + 2*p[1] < k[1]: raise ValueError('window too large')
    a = x.detach().double().numpy()  # exact, and NumPy knows no bfloat16
    border = [(p[0],)*2, (p[1],)*2]
    pos = np.pad(np.arange(a.shape[2]*a.shape[3]).reshape(a.shape[2:]), border, mode='edge')
    pos = swv(pos, k)[::s[0], ::s[1]]
    pos = pos.reshape(*pos.shape[:2], k[0]*k[1])
    vals = a.reshape(a.shape[0], a.shape[1], a.shape[2]*a.shape[3])[:, :, pos]
    arg = vals.argmax(-1)[..., None]
    idx = np.take_along_axis(np.broadcast_to(pos, vals.shape), arg, -1)[..., 0]
    return torch.from_numpy(np.take_along_axis(vals, arg, -1)[..., 0]).to(x.dtype), torch.from_numpy(idx).long()
""",
    ),
]

LCN_CHECK = '''
def check_window(window, sigma):
    if window < 1 or window % 2 != 1:
        raise ValueError(f"a window has an odd number of pixels, not {window}")
    if not sigma > 0:
        raise ValueError("sigma must be positive")


def root(m):
    """sqrt whose gradient at 0 is 0 and not infinite"""
    zero = m <= 0
    return torch.where(zero, 0, torch.where(zero, 1, m).sqrt())
'''

LCN = [
    right(
        "band-matrices",
        "local_contrast_norm",
        "The Gaussian is a product, so a banded matrix an axis blurs it, and its row sums normalise.",
        """
def band(n, window, sigma, like):
    i = torch.arange(n, dtype=like.dtype)
    apart = i[:, None] - i
    g = torch.exp(-(apart**2) / (2 * sigma**2)) * (apart.abs() <= window // 2)
    return g / g.sum(1, keepdim=True)


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    check_window(window, sigma)
    down, across = band(x.shape[2], window, sigma, x), band(x.shape[3], window, sigma, x)
    blur = lambda m: down @ m.mean(1, keepdim=True) @ across.T
    v = x - blur(x)
    deviation = root(blur(v * v))
    floor = deviation.mean(dim=(1, 2, 3), keepdim=True).clamp_min(eps)
    return v / torch.maximum(deviation, floor)
""",
        before=(LCN_CHECK,),
    ),
    right(
        "every-pair-of-pixels",
        "local_contrast_norm",
        "A matrix of weights between every two pixels of the image.",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    check_window(window, sigma)
    n, c, h, w = x.shape
    y, z = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    p = torch.stack((y, z), -1).reshape(h * w, 2)
    apart = p[:, None] - p[None]
    g = torch.exp(-apart.pow(2).sum(-1).to(x.dtype) / (2.0 * sigma * sigma))
    g = torch.where(apart.abs().amax(-1) > window // 2, torch.zeros((), dtype=x.dtype), g)
    weights = F.normalize(g, p=1, dim=1)

    def mean(m):
        return (m.mean(1).reshape(n, h * w) @ weights.T).reshape(n, 1, h, w)

    v = x - mean(x)
    s = root(mean(v.square()))
    return v / torch.stack(torch.broadcast_tensors(s, s.mean((-1, -2), keepdim=True), torch.tensor(eps, dtype=x.dtype))).amax(0)
""",
        before=(LCN_CHECK,),
    ),
    right(
        "fourier-in-double",
        "local_contrast_norm",
        "Real Fourier transforms over a canvas with room for the window, in double precision.",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    check_window(window, sigma)
    if x.numel() == 0:
        return torch.empty_like(x)  # there is nothing to transform
    dtype, x, r = x.dtype, x.double(), window // 2
    h, w = x.shape[-2:]
    size = (h + window - 1, w + window - 1)
    i = torch.arange(-r, r + 1, dtype=torch.double)
    g = torch.exp(-(i[:, None] ** 2 + i[None] ** 2) / (2 * sigma**2))
    spectrum = torch.fft.rfft2(g, size)

    def spread(m):
        return torch.fft.irfft2(torch.fft.rfft2(m, size) * spectrum, size)[..., r : r + h, r : r + w]

    inside = spread(torch.ones(h, w, dtype=torch.double))
    mean = lambda m: spread(m.mean(1, True)) / inside
    v = x - mean(x)
    # rounding may leave a tiny negative number where there is nothing
    s = root(mean(v**2).clamp(min=0))
    return (v / s.clamp(min=eps).maximum(s.mean((1, 2, 3), keepdim=True))).to(dtype)
""",
        before=(LCN_CHECK,),
    ),
    right(
        "module-with-buffers",
        "local_contrast_norm",
        "An nn.Module with the Gaussian as a buffer, and depthwise layers.",
        """
import torch.nn as nn


class LCN(nn.Module):
    def __init__(self, window, sigma, eps):
        super().__init__()
        check_window(window, sigma)
        self.eps, self.r = eps, window // 2
        i = torch.arange(window, dtype=torch.float64) - self.r
        g = torch.exp(-0.5 * (i / sigma) ** 2)
        self.register_buffer("column", g.view(1, 1, -1, 1))
        self.register_buffer("row", g.view(1, 1, 1, -1))

    def blur(self, m):
        once = F.conv2d(m, self.column.to(m), padding=(self.r, 0))
        return F.conv2d(once, self.row.to(m), padding=(0, self.r))

    def mean(self, m):
        ones = torch.ones_like(m[:, :1])
        return self.blur(m.mean(1, keepdim=True)) / self.blur(ones)

    def forward(self, x):
        v = x - self.mean(x)
        s = root(self.mean(v**2))
        typical = s.mean((1, 2, 3), keepdim=True)
        return v / s.maximum(typical).clamp(min=self.eps)


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    return LCN(window, sigma, eps).double()(x.double()).to(x.dtype)
""",
        before=(LCN_CHECK,),
    ),
    right(
        "unfold-with-a-mask",
        "local_contrast_norm",
        "F.unfold, which this exercise allows, of the image and of a mask of ones.",
        """
from functools import partial


def local_means(m, weights, window):
    n, c, h, w = m.shape
    pixels = F.unfold(F.pad(m, (window // 2,) * 4), window).view(n, c, window * window, h * w)
    inside = F.unfold(F.pad(torch.ones_like(m[:1, :1]), (window // 2,) * 4), window).view(1, 1, window * window, h * w)
    weights = weights.view(1, 1, -1, 1) * inside
    return ((pixels * weights).sum((1, 2)) / (c * weights.sum((1, 2)))).view(n, 1, h, w)


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    check_window(window, sigma)
    if len(x) == 0:
        return x.clone()
    i = torch.arange(window, dtype=x.dtype) - window // 2
    g = torch.outer(*(torch.exp(-i.square() / (2 * sigma**2)),) * 2)
    mean = partial(local_means, weights=g, window=window)
    v = x - mean(x)
    s = root(mean(v**2))
    return torch.div(v, torch.maximum(s, s.mean((2, 3), keepdim=True)).clamp(min=eps))
""",
        before=(LCN_CHECK,),
    ),
    right(
        "transposed-layer",
        "local_contrast_norm",
        "A transposed layer spreads every pixel, which is the same because the Gaussian is even.",
        """
GAUSSIANS = {}


def gaussian(window, sigma, dtype):
    key = window, sigma, dtype
    if key not in GAUSSIANS:
        i = torch.arange(window).sub(window // 2).to(dtype)
        GAUSSIANS[key] = torch.exp(-(i.view(-1, 1) ** 2 + i**2) / (2 * sigma**2)).view(1, 1, window, window)
    return GAUSSIANS[key]


def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    check_window(window, sigma)
    g = gaussian(window, sigma, x.dtype)
    total = F.conv_transpose2d(x.new_ones(1, 1, *x.shape[2:]), g, padding=window // 2)
    def mean(m): return F.conv_transpose2d(m.mean(1, keepdim=True), g, padding=window // 2) / total
    v = x - mean(x)
    deviation = root(mean(v**2))
    typical = deviation.flatten(1).mean(1).view(-1, 1, 1, 1)
    return v / deviation.maximum(typical).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
]

# A layer that is right and of no interest, among cells that are.
LAYER = """
def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    rows = torch.arange(ho)[:, None] * sh + torch.arange(w.shape[2]) * dh
    cols = torch.arange(wo)[:, None] * sw + torch.arange(w.shape[3]) * dw
    y = torch.einsum("ncuivj,ocij->nouv", F.pad(x, (pw, pw, ph, ph))[:, :, rows][..., cols], w)
    return y if b is None else y + b[:, None, None]
"""


def around(id: str, title: str, *after: str, before: tuple[str, ...] = ()) -> Attack:
    return right(id, "conv2d", title, LAYER, before=(*before, CHECKED), after=tuple(cell.strip("\n") for cell in after))


EVERYDAY = [
    around(
        "profiled",
        "The layer is profiled, timed and its memory traced, in functions in cells of their own.",
        """
import cProfile
import gc
import io
import pstats
import time
import timeit
import tracemalloc


def profile_it():
    profiler = cProfile.Profile()
    profiler.enable()
    conv2d(torch.randn(1, 2, 16, 16), torch.randn(2, 2, 3, 3))
    profiler.disable()
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).sort_stats("cumtime").print_stats(5)
    gc.collect()
    return out.getvalue()


print(profile_it()[:200])
print(timeit.timeit(lambda: conv2d(torch.randn(1, 2, 16, 16), torch.randn(2, 2, 3, 3)), number=5))
tracemalloc.start(); conv2d(torch.randn(1, 2, 16, 16), torch.randn(2, 2, 3, 3)); print(tracemalloc.get_traced_memory()); tracemalloc.stop()
""",
        """
%timeit -n 2 -r 2 conv2d(torch.randn(1, 2, 16, 16), torch.randn(2, 2, 3, 3))
""",
    ),
    around(
        "looked-up",
        "Help, documentation and sources are read in cells.",
        """
import inspect
import sys
import platform

help(F.pad)
print(F.conv2d.__doc__[:60] if F.conv2d.__doc__ else "")
print(sys.version, platform.machine(), torch.__version__, torch.get_num_threads())
print(inspect.signature(conv2d), inspect.getdoc(torch.einsum)[:40])
print(sorted(dir(torch.Tensor))[:3], vars(type(conv2d)).keys())
""",
        "F.unfold?",
        "!nvidia-smi",
        """
from IPython.display import Markdown, display

display(Markdown("**done**"))
""",
    ),
    around(
        "global-settings",
        "Settings are made for the whole notebook: seeds, printing, warnings as errors, anomaly detection.",
        before=(
            """
import random
import warnings

import numpy as np

random.seed(0); np.random.seed(0); torch.manual_seed(0)
torch.set_printoptions(precision=2, sci_mode=False)
np.set_printoptions(suppress=True)
np.seterr(all="raise")
torch.autograd.set_detect_anomaly(True)
torch.use_deterministic_algorithms(True)
warnings.simplefilter("error")
""".strip(),
        ),
    ),
    around(
        "doubles-by-default",
        "Everything is to be double precision, by a setting for the whole notebook.",
        before=("torch.set_default_dtype(torch.float64)",),
    ),
    around(
        "star-imports",
        "Everything is imported from everywhere, and built-in names are hidden.",
        before=(
            """
from math import *
from numpy import *
from torch.nn.functional import *
import torch.nn.functional as F

list = [1, 2, 3]
sum = 0
input = "image.png"
""".strip(),
        ),
    ),
    around(
        "pair-of-its-own",
        "The notebook defines `pair` and a `check` anew, and a method for all tensors.",
        before=(
            """
def pair(v):
    return [v] * 2 if isinstance(v, int) else list(v)


def check(condition, message="no"):
    if not condition:
        print(message)


torch.Tensor.padded = lambda self, *p: F.pad(self, p)
""".strip(),
        ),
    ),
    around(
        "compared-with-scipy",
        "A function in a cell of its own compares with SciPy.",
        """
from scipy import signal


def compare_with_scipy():
    a, k = torch.rand(9, 8), torch.rand(3, 2)
    theirs = signal.correlate2d(a.numpy(), k.numpy(), mode="valid")
    return abs(conv2d(a[None, None], k[None, None])[0, 0].numpy() - theirs).max() < 1e-4


print(compare_with_scipy())
""",
    ),
    around(
        "gradients-checked",
        "torch.autograd.gradcheck in a function, and a small network trained with the layer.",
        """
def gradients_are_right():
    x = torch.randn(1, 2, 5, 5, dtype=torch.double, requires_grad=True)
    w = torch.randn(2, 2, 3, 3, dtype=torch.double, requires_grad=True)
    return torch.autograd.gradcheck(conv2d, (x, w))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(4, 1, 3, 3) / 3)

    def forward(self, x):
        return conv2d(x, self.w, padding=1).relu().mean((2, 3))


print(gradients_are_right())
net, optimizer = Net(), None
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for step in range(5):
    loss = ((net(torch.rand(2, 1, 8, 8)) - 1) ** 2).mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
print(loss.item())
""",
    ),
    right(
        "cached-tables",
        "conv2d",
        "The index tables are kept by functools.lru_cache.",
        """
from functools import lru_cache


@lru_cache(maxsize=None)
def table(out, k, s, d):
    return torch.arange(out)[:, None] * s + torch.arange(k) * d


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    sh, sw, ph, pw, dh, dw, ho, wo = checked(x, w, stride, padding, dilation)
    seen = F.pad(x, (pw, pw, ph, ph))[:, :, table(ho, w.shape[2], sh, dh)][..., table(wo, w.shape[3], sw, dw)]
    y = torch.einsum("ncuivj,ocij->nouv", seen, w)
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    right(
        "simple-namespace",
        "conv2d",
        "Parameters travel in a types.SimpleNamespace, and sys.maxsize stands for no end.",
        """
import sys
from types import SimpleNamespace


def conv2d(x, w, b=None, stride=1, padding=0, dilation=1):
    names = ("sh", "sw", "ph", "pw", "dh", "dw", "ho", "wo")
    p = SimpleNamespace(**dict(zip(names, checked(x, w, stride, padding, dilation))), end=sys.maxsize)
    x = F.pad(x, (p.pw, p.pw, p.ph, p.ph))
    cols = x.unfold(2, p.dh * (w.shape[2] - 1) + 1, p.sh).unfold(3, p.dw * (w.shape[3] - 1) + 1, p.sw)
    y = torch.einsum("nchwij,ocij->nohw", cols[..., 0 : p.end : p.dh, 0 : p.end : p.dw], w)
    return y if b is None else y + b[:, None, None]
""",
        before=(CHECKED,),
    ),
    right(
        "bound-signature",
        "output_size",
        "inspect.signature binds the arguments, for a decorator that fills in the defaults.",
        """
import inspect
from functools import wraps


def validated(f):
    signature = inspect.signature(f)

    @wraps(f)
    def wrapper(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        low = {"k": 1, "s": 1, "p": 0, "d": 1}
        for name in low:
            if bound.arguments[name] < low[name]:
                raise ValueError(f"{name} must be at least {low[name]}")
        return f(*bound.args, **bound.kwargs)

    return wrapper


@validated
def output_size(n: int, k: int, s: int = 1, p: int = 0, d: int = 1) -> int:
    if (size := (n + 2 * p - d * (k - 1) - 1) // s + 1) > 0:
        return size
    raise ValueError("there is not one window that fits")
""",
    ),
    right(
        "pydantic-model",
        "output_size",
        "A pydantic model says what is allowed; its errors are ValueErrors.",
        """
from typing import Annotated

from pydantic import BaseModel, Field

Positive = Annotated[int, Field(ge=1)]


class Window(BaseModel):
    k: Positive
    s: Positive = 1
    p: Annotated[int, Field(ge=0)] = 0
    d: Positive = 1

    def places(self, n):
        room = n + 2 * self.p - self.d * (self.k - 1) - 1
        if room < 0:
            raise ValueError("the window does not fit")
        return room // self.s + 1


def output_size(n, k, s=1, p=0, d=1):
    return Window(k=k, s=s, p=p, d=d).places(n)
""",
    ),
    right(
        "short-way-for-two-by-two",
        "max_pool2d",
        "The usual windows of 2 × 2 pixels have a shorter way.",
        """
def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    if (kh, kw, sh, sw, ph, pw) == (2, 2, 2, 2, 0, 0):
        a, b = x[:, :, : h // 2 * 2 : 2], x[:, :, 1::2]
        four = torch.stack([a[..., : w // 2 * 2 : 2], a[..., 1::2], b[..., : w // 2 * 2 : 2], b[..., 1::2]], -1)
        values, i = four.max(-1)
        corner = torch.arange(h // 2)[:, None] * 2 * w + torch.arange(w // 2) * 2
        return values, corner + i // 2 * w + i % 2
    y, z = torch.arange(-ph, h + ph).clamp(0, h - 1), torch.arange(-pw, w + pw).clamp(0, w - 1)
    values, i = x[:, :, y][..., z].unfold(2, kh, sh).unfold(3, kw, sw).flatten(4).max(-1)
    rows = torch.arange(values.shape[2])[:, None] * sh + i // kw
    columns = torch.arange(values.shape[3]) * sw + i % kw
    return values, y[rows] * w + z[columns]
""",
    ),
    right(
        "named-result",
        "max_pool2d",
        "Values and indices come back as a NamedTuple.",
        """
import typing


class Pooled(typing.NamedTuple):
    values: torch.Tensor
    indices: torch.Tensor


def max_pool2d(x, kernel_size, stride=None, padding=0):
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = (kh, kw) if stride is None else pair(stride)
    h, w = x.shape[2:]
    if 2 * ph > kh or 2 * pw > kw or h + 2 * ph < kh or w + 2 * pw < kw:
        raise ValueError("the window does not fit, or there is too much padding")
    y, z = torch.arange(-ph, h + ph).clamp(0, h - 1), torch.arange(-pw, w + pw).clamp(0, w - 1)
    values, i = x[:, :, y][..., z].unfold(2, kh, sh).unfold(3, kw, sw).flatten(4).max(-1)
    rows = torch.arange(values.shape[2])[:, None] * sh + i // kw
    columns = torch.arange(values.shape[3]) * sw + i % kw
    return Pooled(values=values, indices=y[rows] * w + z[columns])
""",
    ),
    right(
        "greek-letters",
        "local_contrast_norm",
        "Names in Greek letters and with accents, as in the formulas.",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    check_window(window, sigma)
    σ, ε, ρ = sigma, eps, window // 2
    ξ = torch.arange(-ρ, ρ + 1, dtype=x.dtype)
    γ = torch.exp(-(ξ**2) / (2 * σ**2))

    def lissé(m):
        return F.conv2d(F.conv2d(m, γ.view(1, 1, -1, 1), padding=(ρ, 0)), γ.view(1, 1, 1, -1), padding=(0, ρ))

    poids = lissé(x.new_ones(1, 1, *x.shape[2:]))
    μ = lissé(x.mean(1, keepdim=True)) / poids
    ν = x - μ
    Σ = root(lissé((ν**2).mean(1, keepdim=True)) / poids)
    return ν / torch.maximum(Σ, Σ.mean((1, 2, 3), keepdim=True)).clamp(min=ε)
""",
        before=(LCN_CHECK,),
    ),
    right(
        "two-passes-where-it-pays",
        "local_contrast_norm",
        "A large window is blurred in two passes, a small one in one; there is no loop in either way.",
        """
def local_contrast_norm(x, window=7, sigma=2.0, eps=1e-3):
    check_window(window, sigma)
    r = window // 2
    i = torch.arange(-r, r + 1, dtype=x.dtype)
    g = torch.exp(-(i**2) / (2 * sigma**2))

    def blur(m):
        if window <= 5:
            return F.conv2d(m, torch.outer(g, g)[None, None], padding=r)
        return F.conv2d(F.conv2d(m, g.view(1, 1, -1, 1), padding=(r, 0)), g.view(1, 1, 1, -1), padding=(0, r))

    ones = blur(x.new_ones(1, 1, *x.shape[2:]))
    v = x - blur(x.mean(1, keepdim=True)) / ones
    s = root(blur((v**2).mean(1, keepdim=True)) / ones)
    return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)
""",
        before=(LCN_CHECK,),
    ),
    right(
        "a-module-is-the-answer",
        "local_contrast_norm",
        "The function is an nn.Module that is called.",
        """
class LocalContrastNorm(torch.nn.Module):
    def forward(self, x, window=7, sigma=2.0, eps=1e-3):
        check_window(window, sigma)
        i = torch.arange(window, dtype=x.dtype) - window // 2
        g = torch.exp(-(i[:, None] ** 2 + i**2) / (2 * sigma**2))[None, None]
        ones = F.conv2d(x.new_ones(1, 1, *x.shape[2:]), g, padding="same")
        mean = lambda m: F.conv2d(m.mean(1, keepdim=True), g, padding="same") / ones
        v = x - mean(x)
        s = root(mean(v**2))
        return v / torch.maximum(s, s.mean((1, 2, 3), keepdim=True)).clamp(min=eps)


local_contrast_norm = LocalContrastNorm().eval()
""",
        before=(LCN_CHECK,),
    ),
    right(
        "inference-mode",
        "conv2d_backward",
        "The gradients are found in torch.inference_mode.",
        """
@torch.inference_mode()
def conv2d_backward(grad_out, x, w, stride=1, padding=0):
    expect_shape(grad_out, x, w, stride, padding)
    (sh, sw), (ph, pw) = pair(stride), pair(padding)
    kh, kw = w.shape[2:]
    n, o, ho, wo = grad_out.shape
    canvas = grad_out.new_zeros(n, o, x.shape[2] + 2 * ph + kh - 1, x.shape[3] + 2 * pw + kw - 1)
    canvas[:, :, kh - 1 : kh + (ho - 1) * sh : sh, kw - 1 : kw + (wo - 1) * sw : sw] = grad_out
    grad_x = torch.einsum("noyzij,ocij->ncyz", canvas.unfold(2, kh, 1).unfold(3, kw, 1), w.flip(2, 3))
    seen = F.pad(x, (pw, pw, ph, ph)).unfold(2, kh, sh).unfold(3, kw, sw)
    return [grad_x[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]], torch.einsum("ncuvij,nouv->ocij", seen, grad_out), grad_out.sum((0, 2, 3))]
""",
        before=(BACKWARD_CHECK,),
    ),
    right(
        "windows-line-ends",
        "im2col",
        "Windows' ends of lines, tabs, a form feed and a blank that does not break.",
        "import torch\r\n\r\n\x0cdef im2col(x, kernel_size, stride=1, dilation=1):\r\n"
        "\t# fenêtres\u00a0: une vue, et pas de copie\r\n"
        "\t(kh, kw), (sh, sw), (dh, dw) = pair(kernel_size), pair(stride), pair(dilation)\r\n"
        "\tif dh * (kh - 1) >= x.shape[2] or dw * (kw - 1) >= x.shape[3]:\r\n\t\traise ValueError('ne va pas dedans')\r\n"
        "\treturn x.unfold(2, dh * (kh - 1) + 1, sh).unfold(3, dw * (kw - 1) + 1, sw)[..., ::dh, ::dw].permute(0, 1, 4, 5, 2, 3)\r\n",
    ),
]

ATTACKS = [*OUTPUT_SIZE, *IM2COL, *CONV2D, *BACKWARD, *MAX_POOL, *LCN, *EVERYDAY]
