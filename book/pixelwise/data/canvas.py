"""A canvas that keeps, beside the colour of each pixel, what it shows: its class, its object and its distance.

Shapes are given by their signed distance in pixels, negative inside. A pixel's share of a shape, from 0 to 1, is the
distance from its centre, cut off at half a pixel on either side of the contour; what covers more than half of a pixel
gives it its label. Only operations that IEEE 754 rounds in one way are used (+, −, ×, ÷, √ and comparisons), never
sines or exponentials, which differ in the last bit from machine to machine and could move a label.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Colour = Sequence[float]


class Shape(NamedTuple):
    """A region: `box` (left, top, right, bottom) in pixels holds all of it, `distance(x, y)` is negative inside."""

    box: tuple[float, float, float, float]
    distance: Callable[[np.ndarray, np.ndarray], np.ndarray]


def ellipse(x: float, y: float, across: float, down: float) -> Shape:
    """Return the ellipse around (x, y) with radii `across` and `down`; its distance is exact at the contour only."""
    least = min(across, down)

    def distance(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        dx, dy = (columns - x) / across, (rows - y) / down
        return (np.sqrt(dx * dx + dy * dy) - 1) * least

    return Shape((x - across, y - down, x + across, y + down), distance)


def stroke(x0: float, y0: float, x1: float, y1: float, radius: float) -> Shape:
    """Return all points within `radius` of the segment from (x0, y0) to (x1, y1)."""
    along_x, along_y = x1 - x0, y1 - y0
    square = along_x * along_x + along_y * along_y or 1.0

    def distance(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        dx, dy = columns - x0, rows - y0
        t = np.minimum(np.maximum((dx * along_x + dy * along_y) / square, 0), 1)
        dx, dy = dx - t * along_x, dy - t * along_y
        return np.sqrt(dx * dx + dy * dy) - radius

    left, right = min(x0, x1) - radius, max(x0, x1) + radius
    return Shape((left, min(y0, y1) - radius, right, max(y0, y1) + radius), distance)


def polygon(*corners: tuple[float, float]) -> Shape:
    """Return the convex polygon with these corners (x, y), clockwise as the eye sees them."""
    sides = []
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
        length = float(np.sqrt((x1 - x0) * (x1 - x0) + (y1 - y0) * (y1 - y0)))
        if length:
            sides.append((x0, y0, (y1 - y0) / length, (x0 - x1) / length))

    def distance(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        furthest = -np.inf
        for x, y, out_x, out_y in sides:
            furthest = np.maximum(furthest, (columns - x) * out_x + (rows - y) * out_y)
        return furthest

    xs, ys = zip(*corners, strict=True)
    return Shape((min(xs), min(ys), max(xs), max(ys)), distance)


def rectangle(left: float, top: float, right: float, bottom: float) -> Shape:
    """Return the upright rectangle between these edges."""

    def distance(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        across = np.maximum(left - columns, columns - right)
        return np.maximum(across, np.maximum(top - rows, rows - bottom))

    return Shape((left, top, right, bottom), distance)


class Canvas:
    """`image` (H, W, 3) from 0 to 1, `labels` and `instances` (H, W), and `depth` (H, W) in metres.

    `light` from −1 to 1 says from which side the sun comes: each shape is brighter on that side.
    """

    def __init__(self, height: int, width: int, light: float) -> None:
        self.image = np.zeros((height, width, 3))
        self.labels = np.zeros((height, width), dtype=np.int64)
        self.instances = np.zeros((height, width), dtype=np.int64)
        self.depth = np.full((height, width), np.inf)
        self.rows = np.arange(height)[:, None] + 0.5
        self.columns = np.arange(width)[None, :] + 0.5
        self.light = light

    def fill(self, shape: Shape, colour: Colour, label: int, instance: int, depth: float) -> None:
        """Paint `shape` over what is there, and note for the pixels that it covers by more than half what they show."""
        found = self._covered(shape)
        if found is None:
            return
        window, columns, rows, share = found
        left, top, right, bottom = shape.box
        side = (columns - (left + right) / 2) * (2 / max(right - left, 1.0))
        up = ((top + bottom) / 2 - rows) * (2 / max(bottom - top, 1.0))
        shaded = (1 + 0.16 * self.light * side + 0.08 * up)[..., None] * colour
        self._blend(window, share, shaded)
        shown = share > 0.5
        self.labels[window][shown] = label
        self.instances[window][shown] = instance
        self.depth[window][shown] = depth

    def darken(self, shape: Shape, strength: float) -> None:
        """Make what is there darker within `shape`, with a soft edge; labels stay."""
        found = self._covered(shape, soft=0.25)
        if found is not None:
            window, _, _, share = found
            self.image[window] *= (1 - strength * share)[..., None]

    def cover(self, share: np.ndarray, colours: np.ndarray, label: int, depth: np.ndarray) -> None:
        """Paint `colours` (H, W, 3) over the whole canvas by a `share` (H, W) of each pixel, as a surface."""
        everywhere = (slice(None), slice(None))
        self._blend(everywhere, share, colours)
        shown = share > 0.5
        self.labels[shown] = label
        self.depth[shown] = np.broadcast_to(depth, shown.shape)[shown]

    def _covered(
        self, shape: Shape, soft: float = 1.0
    ) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray, np.ndarray] | None:
        height, width = self.labels.shape
        left, top, right, bottom = shape.box
        first_row, first_column = max(int(top - 1), 0), max(int(left - 1), 0)
        window = (slice(first_row, min(int(bottom + 2), height)), slice(first_column, min(int(right + 2), width)))
        columns, rows = self.columns[:, window[1]], self.rows[window[0]]
        if bottom < -1 or right < -1 or not columns.size or not rows.size:
            return None
        return window, columns, rows, np.minimum(np.maximum(0.5 - soft * shape.distance(columns, rows), 0), 1)

    def _blend(self, window: tuple[slice, slice], share: np.ndarray, colours: np.ndarray) -> None:
        below = self.image[window]
        self.image[window] = below + share[..., None] * (colours - below)
