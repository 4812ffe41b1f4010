"""What a notebook's check shows of counted work and of arrays that differ: sentences, tables and pictures.

The page of feedback, made where PyTorch need not be imported, shows none of this: it would tell of hidden inputs.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from autograder import work
from autograder.dialect import Measurement
from autograder.difference import Slice

# --- counted work ----------------------------------------------------------------------------------------------------

_NESTED = {
    1: "in step with the size, as one loop does",
    2: "with the square of the size, as two nested loops do",
    3: "with the cube of the size, as three nested loops do",
    4: "with the fourth power of the size, as four nested loops do",
}


def steady(measured: Measurement) -> bool:
    """Whether the counts are equal at all sizes, so that one number says them."""
    return len({(done.opcodes, done.dispatched) for done in measured.works}) == 1


def growth(measured: Measurement) -> str:
    """A sentence on how to read the counts of `measured`."""
    sizes, works = measured.sizes, measured.works
    if steady(measured):
        at = ", ".join(map(str, sizes[:-1])) + f" and {sizes[-1]}"
        return (
            f"{works[0].opcodes:,} Python steps and {works[0].dispatched:,} operators "
            f"at size {at} alike: nothing loops over the input."
        )
    columns = (("Python steps", [w.opcodes for w in works]), ("tensor operators", [w.dispatched for w in works]))
    if not work.grows(works):
        return "The work hardly changes with the size: nothing loops over the input."
    name, counts = max(columns, key=lambda column: column[1][-1] / max(1, column[1][0]))
    sentence = f"From size {sizes[0]} to size {sizes[-1]} the {name} grow from {counts[0]:,} to {counts[-1]:,}"
    power = _power(sizes, counts)
    return f"{sentence}{f', {_NESTED[power]}' if power else ''}. Code without a loop takes as many at every size."


def _power(sizes: Sequence[int], counts: Sequence[int]) -> int | None:
    """The power p for which counts at three sizes look like a + b·sizeᵖ; None where none fits."""
    if len(sizes) != 3 or not counts[0] < counts[1] < counts[2]:
        return None
    seen = (counts[2] - counts[1]) / (counts[1] - counts[0])
    a, b, c = sizes

    def distance(p: int) -> float:
        return abs(math.log(seen * (b**p - a**p) / (c**p - b**p)))

    best = min(_NESTED, key=distance)
    return best if distance(best) < 0.4 else None


def counts_table(measured: Measurement) -> str:
    """The counts at each size, with a bar for the Python steps."""
    role = "part" if work.grows(measured.works) else "good"
    most = max(max(w.opcodes, 1) for w in measured.works)
    rows = "".join(
        f"<tr><td>{size}</td><td>{w.opcodes:,}</td><td>{w.dispatched:,}</td>"
        f'<td class="pw-stretch pw-{role}"><i style="width:{100 * w.opcodes / most:.1f}%"></i></td></tr>'
        for size, w in zip(measured.sizes, measured.works, strict=True)
    )
    head = "<thead><tr><th>size</th><th>Python steps</th><th>operators</th><th></th></tr></thead>"
    return f'<table class="pw-counts">{head}<tbody>{rows}</tbody></table>'


def counts_text(measured: Measurement) -> str:
    """The counts in a line of plain text."""
    parts = (
        f"size {n}: {w.opcodes:,} steps, {w.dispatched:,} operators"
        for n, w in zip(measured.sizes, measured.works, strict=True)
    )
    return "; ".join(parts)


# --- pictures of arrays ----------------------------------------------------------------------------------------------

# Negative, positive and not-a-number in pictures: of middle lightness, so that they stand out on white and on black,
# and apart for the colour-blind. Magnitude is opacity, so zero is the paper, whichever that is.
LESS, MORE, NAN = (38, 120, 208), (217, 104, 20), (158, 74, 178)
_MOST_SQUARES = 48
_NUMBERED = (8, 6)  # rows and columns up to which a picture shows its numbers


def pictures(where: Slice) -> str:
    """Expected, got and their difference side by side, as heat maps of one slice."""
    expected, got = where.expected, where.got
    error = np.where(where.differ, got - expected, 0.0)
    error[where.differ & (np.isnan(got) != np.isnan(expected))] = np.nan
    scale = _largest(expected) or _largest(got) or 1.0
    error_scale = _largest(error) or 1.0
    panels = (
        _panel("expected", expected, scale, where.first, None),
        _panel("got", got, scale, where.first, None),
        _panel("got − expected", error, error_scale, where.first, where.differ),
    )
    rows, columns = expected.shape
    size = f"{columns} entries" if where.rank == 1 else f"{rows} × {columns}"
    pooled = max(rows, columns) > _MOST_SQUARES
    note = f"<code>{where.name}</code>, {size}"
    if where.count > 1:
        note += ", the slice with the most differences"
    if pooled:
        note += "; each square stands for several entries"
    keys = [_key(LESS, "negative, too small"), _key(MORE, "positive, too large")]
    if np.isnan(got).any() or np.isnan(expected).any():
        keys.append(_key(NAN, "not a number"))
    legend = f"{note}. {', '.join(keys)}; blank on the right: equal. The frame marks the first difference here."
    return f'<div class="pw-pictures">{"".join(panels)}</div><p class="pw-soft" style="font-size:.86em">{legend}</p>'


def _largest(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def _key(colour: tuple[int, int, int], words: str) -> str:
    return f'<span style="white-space:nowrap"><span class="pw-key" style="background:rgb{colour}"></span>{words}</span>'


def _panel(name: str, values: np.ndarray, scale: float, first: tuple[int, int], differ: np.ndarray | None) -> str:
    rows, columns = values.shape
    numbered = rows <= _NUMBERED[0] and columns <= _NUMBERED[1]
    squares = _opacities(values, scale, differ)
    step = max(1, math.ceil(max(rows, columns) / _MOST_SQUARES))
    high, wide = squares.shape[:2]
    texts: list[list[str]] = []
    if numbered:
        texts = [
            [
                "" if differ is not None and not differ[r, c] else _number(values[r, c], differ is not None)
                for c in range(wide)
            ]
            for r in range(high)
        ]
        longest = max((len(text) for row in texts for text in row), default=1)
        box = (max(30.0, 6.8 * longest + 9), 24.0)
    else:
        side = min(18.0, max(4.0, 190 / max(high, wide)))
        box = (side, side)
    width, height = box[0] * wide, box[1] * high
    low, top = _range(values)
    label = f"{name}: {rows} by {columns} values from {low} to {top}"
    if differ is not None:
        label = f"difference: {int(differ.sum())} of {differ.size} entries differ, by {low} to {top}"
    drawing = [
        f'<svg role="img" aria-label="{label}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.1f} {height:.1f}" xmlns="http://www.w3.org/2000/svg">',
        f'<image href="{_png(squares)}" width="{width:.1f}" height="{height:.1f}" preserveAspectRatio="none" '
        'style="image-rendering:pixelated"/>',
        f'<rect x="0" y="0" width="{width:.1f}" height="{height:.1f}" fill="none" stroke="currentColor" '
        'stroke-opacity=".35"/>',
        '<g font-size="11" text-anchor="middle" fill="currentColor" style="font-family:ui-monospace,Menlo,monospace">',
        *(
            f'<text x="{(c + 0.5) * box[0]:.0f}" y="{(r + 0.5) * box[1] + 4:.0f}">{text}</text> '
            for r, row in enumerate(texts)
            for c, text in enumerate(row)
            if text
        ),
        "</g>",
        f'<rect x="{first[1] // step * box[0]:.1f}" y="{first[0] // step * box[1]:.1f}" width="{box[0]:.1f}" '
        f'height="{box[1]:.1f}" fill="none" stroke="currentColor" stroke-width="2"/></svg>',
    ]
    caption = f"<b>{name}</b> {low} … {top}"
    return f"<figure><figcaption>{caption}</figcaption>{''.join(drawing)}</figure>"


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


def _opacities(values: np.ndarray, scale: float, differ: np.ndarray | None) -> np.ndarray:
    """RGBA squares: hue by sign, opacity by magnitude; at most `_MOST_SQUARES` each way, the largest of each block."""
    magnitude = np.abs(np.nan_to_num(values, nan=0.0, posinf=scale, neginf=-scale)) / (scale or 1.0)
    opacity = np.minimum(magnitude, 1.0) ** 0.8 * 0.78
    if differ is not None:
        opacity = np.where(differ, 0.28 + 0.55 * np.minimum(magnitude, 1.0), 0.0)
    opacity = np.where(np.isnan(values), 0.8, opacity)
    hue = np.where(np.isnan(values)[..., None], NAN, np.where((values < 0)[..., None], LESS, MORE))
    squares = np.concatenate([hue, np.round(255 * opacity)[..., None]], axis=-1).astype(np.uint8)
    rows, columns = values.shape
    step = max(1, math.ceil(max(rows, columns) / _MOST_SQUARES))
    if step == 1:
        return squares
    padded = np.pad(squares, ((0, -rows % step), (0, -columns % step), (0, 0)))
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


def difference_text(where: Slice) -> list[str]:
    """The difference as lines of characters: ``.`` equal, ``+`` too large, ``-`` too small, ``?`` not a number."""
    rows, columns = where.differ.shape
    if rows > 32 or columns > 64:
        return []
    signs = np.where(np.isnan(where.got - where.expected), "?", np.where(where.got > where.expected, "+", "-"))
    return ["".join(row) for row in np.where(where.differ, signs, ".")]
