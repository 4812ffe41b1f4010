"""Generated scenes of streets and parks, with exact truth: class, object and distance of every pixel.

    data = scenes(8, size=96, seed=0)
    data.images, data.labels     # (8, 3, 96, 96), (8, 96, 96)

A camera looks along flat ground. What lies `z` metres away appears `f / z` pixels to the metre, so rows below the
horizon have a distance and things shrink with it. Everything is painted from far to near, hence what is near hides what
is far. A seed gives the same scenes on every machine (see `pixelwise.data.canvas`), and a scene drawn larger is the
same scene.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pixelwise.data import things
from pixelwise.data.canvas import Canvas, ellipse, polygon, rectangle
from pixelwise.data.things import Random, between, choose, tint

CLASSES = ("sky", "building", "road", "grass", "tree", "car", "person", "animal", "pole")
THINGS = ("tree", "car", "person", "animal", "pole")
COLOURS = ("#8ec5ee", "#a9746e", "#7b7f8a", "#a5cf6b", "#2e7d46", "#3a55c9", "#e2493b", "#f2a93b", "#5b2a86")
SKY, BUILDING, ROAD, GRASS = range(4)


@dataclass(frozen=True)
class Scenes:
    """Scenes and their truth, on the CPU.

    `images` (N, 3, H, W), float32 from 0 to 1; `labels` (N, H, W), int64, indices of `CLASSES`; `instances` (N, H, W),
    int64, 0 for stuff and 1, 2, … for the things of a scene; `depth` (N, H, W), float32, metres, infinite in the sky.
    """

    images: Tensor
    labels: Tensor
    instances: Tensor
    depth: Tensor

    def __len__(self) -> int:
        return len(self.images)


def scenes(count: int, size: int | tuple[int, int] = 96, seed: int = 0) -> Scenes:
    """Return `count` scenes of `size` (H, W), or of size × size, pixels.

    Scene i of a seed is the same whatever `count` is.

    Raises `ValueError` for a negative count or seed, and for a side below 16 pixels.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if count < 0 or seed < 0 or min(height, width) < 16:
        raise ValueError(
            f"Scenes need a count and a seed from 0 and sides from 16 pixels, not {count}, {seed} and {height}×{width}."
        )
    canvases = [_scene(Random([seed, index]), height, width) for index in range(count)]

    def stacked(name: str, dtype: torch.dtype) -> Tensor:
        arrays = [getattr(canvas, name) for canvas in canvases]
        return torch.from_numpy(
            np.stack(arrays) if arrays else np.zeros((0, height, width, 3)[: 3 + (name == "image")])
        ).to(dtype)

    return Scenes(
        stacked("image", torch.float32).permute(0, 3, 1, 2).contiguous() / 255,
        stacked("labels", torch.int64),
        stacked("instances", torch.int64),
        stacked("depth", torch.float32),
    )


@dataclass(frozen=True)
class _View:
    """Where the camera stands and what the ground is: lengths on the image in pixels, in the world in metres."""

    kind: str
    horizon: float  # its row
    middle: float  # the column straight ahead
    focal: float  # pixels at one metre's distance to the metre
    height: float  # of the camera
    road: tuple[float, float]  # across: from and to, in distance; along: half its width, and how much it bends

    def row(self, distance: float) -> float:
        return self.horizon + self.focal * self.height / distance

    def column(self, across: float, distance: float) -> float:
        return self.middle + self.focal * across / distance

    def road_middle(self, distance: float) -> float:
        return self.road[1] * distance * distance / 40

    def on_road(self, across: float, distance: float, margin: float = 0) -> bool:
        if self.kind == "crossing":
            return self.road[0] - margin < distance < self.road[1] + margin
        return abs(across - self.road_middle(distance)) < self.road[0] + margin


# The light of a day: the sky above, the sky at the horizon, and what it does to all colours.
DAYS = (
    ((0.33, 0.56, 0.87), (0.76, 0.87, 0.96), (1.0, 1.0, 0.98)),
    ((0.62, 0.67, 0.73), (0.8, 0.82, 0.84), (0.86, 0.88, 0.9)),
    ((0.36, 0.43, 0.69), (0.98, 0.72, 0.5), (1.0, 0.86, 0.74)),
    ((0.13, 0.18, 0.36), (0.43, 0.42, 0.56), (0.55, 0.6, 0.78)),
    ((0.47, 0.67, 0.9), (0.9, 0.93, 0.95), (1.06, 1.05, 1.02)),
)


def _scene(random: Random, height: int, width: int) -> Canvas:
    view = _view(random, height, width)
    above, below, tinted = (np.array(colour) for colour in choose(random, DAYS))
    canvas = Canvas(height, width, light=between(random, -1, 1))
    _sky(canvas, random, view, above, below)
    _ground(canvas, random, view)
    placed = _placed(random, view, width)
    for name, across, distance in placed:
        _shadow(canvas, view, name, across, distance)
    for across, distance in _houses(random, view, width):
        _building(canvas, random, view, across, distance)
    for number, (name, across, distance) in enumerate(placed, start=1):
        label = CLASSES.index(name)

        def draw(shape, colour, label=label, number=number, distance=distance):  # noqa: ANN001, ANN202
            canvas.fill(shape, colour, label, number, distance)

        draw_thing = getattr(things, name)
        draw_thing(draw, random, view.column(across, distance), view.row(distance), view.focal / distance)
    _light(canvas, random, below, tinted)
    return canvas


def _view(random: Random, height: int, width: int) -> _View:
    kind = choose(random, ("street", "street", "crossing", "park"))
    focal = between(random, 0.85, 1.1) * height
    roads = {
        "street": (between(random, 2.6, 4.2), between(random, -0.5, 0.5)),
        "crossing": (between(random, 3.4, 4.6), between(random, 7.5, 11)),
        "park": (between(random, 0.9, 1.5), between(random, -1.2, 1.2)),
    }
    return _View(
        kind,
        horizon=between(random, 0.34, 0.5) * height,
        middle=between(random, 0.3, 0.7) * width,
        focal=focal,
        height=between(random, 1.5, 2.3),
        road=roads[kind],
    )


def _texture(random: Random, canvas: Canvas, down: int, across: int) -> np.ndarray:
    """Return smooth noise (H, W) from 0 to 1: random values on a lattice, interpolated between its points."""
    values = random.random_sample((down + 1, across + 1))
    height, width = canvas.labels.shape
    y, x = canvas.rows * (down / height), canvas.columns * (across / width)
    top, left = y.astype(int), x.astype(int)
    y, x = y - top, x - left
    at_rows = values[top[:, 0]] + y * (values[top[:, 0] + 1] - values[top[:, 0]])
    low, high = at_rows[:, left[0]], at_rows[:, left[0] + 1]
    return low + x * (high - low)


def _sky(canvas: Canvas, random: Random, view: _View, above: np.ndarray, below: np.ndarray) -> None:
    down = np.minimum(canvas.rows / view.horizon, 1)[..., None]
    colours = above + down * (below - above)
    clouds = 0.6 * _texture(random, canvas, 7, 5) + 0.4 * _texture(random, canvas, 18, 13)
    cloud = np.minimum(np.maximum((clouds - between(random, 0.45, 0.7)) * 5, 0), 0.85)[..., None]
    colours = colours + cloud * (np.minimum(below * 1.12, 1) - colours)
    canvas.image[:] = colours


def _ground(canvas: Canvas, random: Random, view: _View) -> None:
    under = np.maximum(canvas.rows - view.horizon, 0.05)
    distance = np.minimum(view.focal * view.height / under, 400)
    ground = np.minimum(np.maximum(canvas.rows - view.horizon + 0.5, 0), 1)
    grain = 0.5 * _texture(random, canvas, 48, 40) + 0.5 * _texture(random, canvas, 96, 24)
    patches = _texture(random, canvas, 9, 6)
    green = np.array(choose(random, ((0.36, 0.55, 0.22), (0.47, 0.6, 0.27), (0.6, 0.57, 0.3), (0.3, 0.47, 0.25))))
    whole = np.broadcast_to(ground, canvas.labels.shape)
    canvas.cover(whole, (0.72 + 0.3 * grain + 0.22 * patches)[..., None] * green, GRASS, distance)

    grey = np.array(choose(random, ((0.4, 0.4, 0.42), (0.5, 0.49, 0.47), (0.33, 0.34, 0.37), (0.62, 0.56, 0.47))))
    surface = (0.86 + 0.16 * grain + 0.1 * patches)[..., None] * grey
    metre = view.focal / distance
    if view.kind == "crossing":
        far, near = view.row(view.road[1]), view.row(view.road[0])
        inside = np.minimum(canvas.rows - far, near - canvas.rows) + 0 * canvas.columns
        line = 0.08 * metre - np.abs(canvas.rows - view.row((view.road[0] + view.road[1]) / 2))
        dashes = np.minimum(line, (canvas.columns * (7 / canvas.labels.shape[1]) % 1 - 0.4) * 10)
    else:
        middle = view.middle + view.focal * view.road_middle(1) * distance
        inside = metre * view.road[0] - np.abs(canvas.columns - middle)
        line = 0.07 * metre - np.abs(canvas.columns - middle)
        dashes = np.minimum(line, (distance * 0.4 % 1 - 0.45) * 10 * metre)
    share = np.minimum(np.minimum(np.maximum(inside + 0.5, 0), 1), ground)
    canvas.cover(share, surface, ROAD, distance)
    if view.kind != "park":
        marked = share * np.minimum(np.maximum(dashes + 0.5, 0), 1)
        canvas.image += marked[..., None] * (0.85 - canvas.image)


# How often things are drawn in each kind of view: how many at least and at most, and from which distance to which.
COUNTS = {
    "street": {"tree": (0, 3), "car": (0, 3), "person": (0, 2), "animal": (0, 0), "pole": (0, 3)},
    "crossing": {"tree": (0, 3), "car": (0, 2), "person": (0, 3), "animal": (0, 1), "pole": (0, 2)},
    "park": {"tree": (2, 5), "car": (0, 0), "person": (0, 2), "animal": (0, 2), "pole": (0, 1)},
}
DISTANCES = {"tree": (7, 26), "car": (5, 17), "person": (3.2, 9.5), "animal": (3, 7.5), "pole": (4.5, 12)}


def _placed(random: Random, view: _View, width: int) -> list[tuple[str, float, float]]:
    """Return (class, metres to the right, metres away) of every thing, the furthest first."""
    found = []
    for name, (least, most) in COUNTS[view.kind].items():
        for _ in range(random.randint(least, most + 1)):
            for _ in range(12):
                near, far = DISTANCES[name]
                share = random.random_sample()
                distance = near + (far - near) * share * share
                column = between(random, 0.03, 0.97) * width
                across = (column - view.middle) * distance / view.focal
                road = view.on_road(across, distance, margin=-0.6 if name == "car" else 0.5)
                suits = {"car": road, "person": True}.get(name, not road)
                apart = all(
                    abs(across - other) * view.focal / distance > 0.1 * view.focal or abs(distance - away) > 2.5
                    for _, other, away in found
                )
                if suits and apart:
                    found.append((name, across, distance))
                    break
    return sorted(found, key=lambda one: -one[2])


def _houses(random: Random, view: _View, width: int) -> list[tuple[float, float]]:
    found = []
    for _ in range(random.randint(0, 3) if view.kind == "park" else random.randint(2, 7)):
        distance = between(random, 24, 55)
        across = (between(random, -0.05, 1.05) * width - view.middle) * distance / view.focal
        if view.kind == "crossing" or not view.on_road(across, distance, margin=6):
            found.append((across, distance))
    return sorted(found, key=lambda one: -one[1])


def _building(canvas: Canvas, random: Random, view: _View, across: float, distance: float) -> None:
    metre, x, foot = view.focal / distance, view.column(across, distance), view.row(distance)
    wide, storeys = between(random, 7, 15) * metre, random.randint(2, 6)
    top = foot - (3.1 * storeys + 0.6) * metre
    wall = choose(random, ((0.72, 0.6, 0.5), (0.66, 0.36, 0.28), (0.78, 0.76, 0.7), (0.5, 0.5, 0.54), (0.82, 0.7, 0.5)))
    left, right = x - wide / 2, x + wide / 2

    def draw(shape, colour):  # noqa: ANN001, ANN202
        canvas.fill(shape, colour, BUILDING, 0, distance)

    # The side that faces the middle of the view runs back towards the vanishing point.
    back = 0.82
    near, far = (
        (right, view.middle + back * (right - view.middle))
        if x < view.middle
        else (left, view.middle + back * (left - view.middle))
    )
    top_back, foot_back = view.horizon + back * (top - view.horizon), view.horizon + back * (foot - view.horizon)
    side = ((near, top), (far, top_back), (far, foot_back), (near, foot))
    if (far - near) * (1 if x < view.middle else -1) > 0.5:
        draw(polygon(*(side if far > near else side[::-1])), tint(wall, 0.68))
    if random.random_sample() < 0.4:
        roof = choose(random, ((0.5, 0.22, 0.17), (0.32, 0.3, 0.32), (0.42, 0.3, 0.22)))
        draw(polygon((x, top - 0.28 * wide), (right + 0.6 * metre, top), (left - 0.6 * metre, top)), roof)
    draw(rectangle(left, top, right, foot), wall)
    windows = max(int(wide / (2.6 * metre)), 1)
    pitch = wide / windows
    lit = random.random_sample((6, 6))
    if pitch > 2.2:
        for storey in range(storeys):
            high = foot - (3.1 * storey + 2.6) * metre
            for number in range(windows):
                at = left + (number + 0.27) * pitch
                glow = (0.95, 0.82, 0.48) if lit[storey, number % 6] < 0.12 else (0.27, 0.33, 0.4)
                draw(rectangle(at, high, at + 0.46 * pitch, high + 1.5 * metre), glow)


def _shadow(canvas: Canvas, view: _View, name: str, across: float, distance: float) -> None:
    metre = view.focal / distance
    wide = {"car": 2.3, "tree": 1.9, "person": 0.5, "animal": 0.7, "pole": 0.25}[name] * metre
    x = view.column(across, distance) - 0.5 * canvas.light * wide
    canvas.darken(ellipse(x, view.row(distance), wide, max(0.22 * wide, 1.0)), 0.42)


def _light(canvas: Canvas, random: Random, below: np.ndarray, tinted: np.ndarray) -> None:
    """Add haze with distance, the light of the day and the sensor's noise, and round to what a byte holds."""
    haze = between(random, 0, 0.55)
    ahead = np.where(np.isinf(canvas.depth), 0, canvas.depth)
    share = (haze * ahead / (ahead + 30))[..., None]
    # The sky has the day's colours already; on the rest they fall.
    lit = canvas.image * np.where(np.isinf(canvas.depth)[..., None], 1.0, tinted)
    lit = lit + share * (below - lit)
    noise = random.random_sample(lit.shape) + random.random_sample(lit.shape) - 1
    lit = lit * between(random, 0.85, 1.1) + between(random, 0.02, 0.07) * noise
    canvas.image = np.rint(np.minimum(np.maximum(lit, 0), 1) * 255)
