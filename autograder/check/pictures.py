"""What a picture of two arrays that differ looks like: which slice it shows, and that slice as images and as text.

``pictures.html`` draws what `panels` computes. Feedback on grading shows no pictures: they would tell of hidden inputs.
"""

import base64
import math
import struct
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autograder.pages.theme import NEGATIVE, NOT_A_NUMBER, POSITIVE

_MOST_SQUARES = 48
_NUMBERED = (8, 6)  # rows and columns up to which a picture shows its numbers


@dataclass(frozen=True)
class Slice:
    """The last two axes of two arrays of one shape, at the place in the others where most entries differ.

    ``index`` says which of ``count`` slices it is, ``first`` the first differing row and column in it. The arrays are
    float64, of shape (rows, columns); a vector is one row.
    """

    index: tuple[int, ...]
    count: int
    rank: int
    expected: np.ndarray
    got: np.ndarray
    differ: np.ndarray
    first: tuple[int, int]

    @property
    def error(self) -> np.ndarray:
        """``got`` less ``expected``, not a number where both are the same infinity."""
        with np.errstate(invalid="ignore"):
            return self.got - self.expected

    @property
    def name(self) -> str:
        """The slice as one would write it: ``[0, 2, :, :]``."""
        return "[" + ", ".join([*map(str, self.index), *[":"] * min(2, self.rank)]) + "]"

    @property
    def size(self) -> str:
        """Its size in words."""
        rows, columns = self.differ.shape
        return ("1 entry" if columns == 1 else f"{columns} entries") if self.rank == 1 else f"{rows} × {columns}"

    @property
    def entries_per_square(self) -> int:
        """How many entries along each axis one square of the pictures stands for."""
        return max(1, math.ceil(max(self.differ.shape) / _MOST_SQUARES))

    @property
    def colours(self) -> tuple[tuple[tuple[int, int, int], str], ...]:
        """The colours in its pictures, and what each means."""
        signs = ((NEGATIVE, "negative, too small"), (POSITIVE, "positive, too large"))
        has_nan = np.isnan(self.got).any() or np.isnan(self.expected).any()
        return (*signs, (NOT_A_NUMBER, "not a number")) if has_nan else signs


def worst_slice(got: np.ndarray, expected: np.ndarray, differ: np.ndarray) -> Slice:
    """The slice with the most entries that ``differ``. All three arrays have one shape and an axis at least."""
    rank = differ.ndim
    tail = differ.shape[-2:] if rank >= 2 else (1, *differ.shape)
    leading = differ.shape[:-2] if rank > 2 else ()
    stacked = differ.reshape(-1, *tail)
    most = int(stacked.reshape(len(stacked), -1).sum(axis=1).argmax())
    row, column = (int(i) for i in np.argwhere(stacked[most])[0])
    return Slice(
        index=tuple(int(i) for i in np.unravel_index(most, leading)) if leading else (),
        count=len(stacked),
        rank=rank,
        expected=expected.reshape(-1, *tail)[most],
        got=got.reshape(-1, *tail)[most],
        differ=stacked[most],
        first=(row, column),
    )


def difference_text(where: Slice) -> list[str]:
    """The difference as lines of characters: ``.`` equal, ``+`` too large, ``-`` too small, ``?`` not a number."""
    rows, columns = where.differ.shape
    if rows > 32 or columns > 64:
        return []
    signs = np.where(np.isnan(where.error), "?", np.where(where.got > where.expected, "+", "-"))
    return ["".join(row) for row in np.where(where.differ, signs, ".")]


class Panel(NamedTuple):
    """One heat map, with values from ``low`` to ``high``. ``label`` says it in words, ``image`` is a data URI.

    ``size`` is its own and ``square`` that of one of its squares, as (width, height) in pixels. ``framed`` is the upper
    left corner of the square with a frame. ``numbers`` are texts, each after the place (x, y) of its middle.
    """

    name: str
    label: str
    low: str
    high: str
    image: str
    size: tuple[float, float]
    square: tuple[float, float]
    framed: tuple[float, float]
    numbers: list[tuple[float, float, str]]


def panels(where: Slice) -> tuple[Panel, Panel, Panel]:
    """Expected, got and their difference as heat maps."""
    expected, got = where.expected, where.got
    error = np.where(where.differ, where.error, 0.0)
    error[where.differ & (np.isnan(got) != np.isnan(expected))] = np.nan
    scale = _largest(expected) or _largest(got) or 1.0
    return (
        _panel("expected", expected, scale, where),
        _panel("got", got, scale, where),
        _panel("got − expected", error, _largest(error) or 1.0, where, where.differ),
    )


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def _panel(name: str, values: np.ndarray, scale: float, where: Slice, differ: np.ndarray | None = None) -> Panel:
    low, high = _range(values)
    label = f"{name}: {values.shape[0]} by {values.shape[1]} values from {low} to {high}"
    if differ is not None:
        count = int(differ.sum())
        some = f"{count} of {differ.size} entries {'differs' if count == 1 else 'differ'}"
        label = f"difference: {some}, by {low} to {high}"
    step = where.entries_per_square
    pixels = _pixels(values, scale, differ, step)
    rows, columns = pixels.shape[:2]
    width = height = min(18.0, max(4.0, 190 / max(rows, columns)))
    texts: dict[tuple[int, int], str] = {}
    if rows <= _NUMBERED[0] and columns <= _NUMBERED[1]:
        shown = np.ndindex(rows, columns) if differ is None else np.argwhere(differ)
        texts = {(r, c): _number(values[r, c], differ is not None) for r, c in shown}
        width, height = max(30.0, 6.8 * max(map(len, texts.values()), default=1) + 9), 24.0
    return Panel(
        name, label, low, high,
        image=_png(pixels),
        size=(round(width * columns, 1), round(height * rows, 1)),
        square=(round(width, 1), round(height, 1)),
        framed=(round(where.first[1] // step * width, 1), round(where.first[0] // step * height, 1)),
        numbers=[(round((c + 0.5) * width), round((r + 0.5) * height + 4), text) for (r, c), text in texts.items()],
    )  # fmt: skip


def _number(value: float, signed: bool) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if signed:
        text = f"{value:+.2g}"
    elif value == int(value) and abs(value) < 1e5:
        text = str(int(value))
    else:
        text = f"{value:.2f}" if 0.01 <= abs(value) < 100 else f"{value:.2g}"
    return text.replace("e-0", "e-").replace("e+0", "e").replace("-", "−")


def _range(values: np.ndarray) -> tuple[str, str]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "nan", "nan"
    return f"{finite.min():.3g}".replace("-", "−"), f"{finite.max():.3g}".replace("-", "−")


def _pixels(values: np.ndarray, scale: float, differ: np.ndarray | None, step: int) -> np.ndarray:
    """RGBA of each block of ``step`` by ``step`` entries, which is that of its largest.

    Hue tells the sign. Magnitude is opacity, so zero is the paper, whichever colour that has.
    """
    magnitude = np.abs(np.nan_to_num(values, nan=0.0, posinf=scale, neginf=-scale)) / scale
    opacity = np.minimum(magnitude, 1.0) ** 0.8 * 0.78
    if differ is not None:
        opacity = np.where(differ, 0.28 + 0.55 * np.minimum(magnitude, 1.0), 0.0)
    opacity = np.where(np.isnan(values), 0.8, opacity)
    hue = np.where((values < 0)[..., None], NEGATIVE, POSITIVE)
    hue = np.where(np.isnan(values)[..., None], NOT_A_NUMBER, hue)
    pixels = np.concatenate([hue, np.round(255 * opacity)[..., None]], axis=-1).astype(np.uint8)
    if step == 1:
        return pixels
    rows, columns = values.shape
    padded = np.pad(pixels, ((0, -rows % step), (0, -columns % step), (0, 0)))
    blocks = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step, 4).swapaxes(1, 2)
    blocks = blocks.reshape(*blocks.shape[:2], step * step, 4)
    strongest = blocks[..., 3].argmax(axis=-1)
    return np.take_along_axis(blocks, strongest[..., None, None], axis=2)[:, :, 0]


def _png(pixels: np.ndarray) -> str:
    """An RGBA image of shape (rows, columns, 4) as a data URI."""
    height, width = pixels.shape[:2]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\x00" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    image = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
    )
    return "data:image/png;base64," + base64.b64encode(image).decode()
