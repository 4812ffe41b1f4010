"""How the scenes' things are drawn, each from a few shapes: trees, cars, people, animals, lamp posts and signs.

Each function takes `draw(shape, colour)`, a source of random numbers, the place (x, y) in pixels where the thing stands
on the ground, and how many pixels a metre takes there. It draws from back to front.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from pixelwise.data.canvas import Colour, Shape, ellipse, polygon, rectangle, stroke

Draw: TypeAlias = Callable[[Shape, Colour], None]
Random: TypeAlias = np.random.RandomState

SKIN = ((0.95, 0.78, 0.66), (0.82, 0.6, 0.45), (0.6, 0.41, 0.29), (0.38, 0.26, 0.19))
HAIR = ((0.1, 0.08, 0.07), (0.35, 0.22, 0.12), (0.75, 0.6, 0.32), (0.6, 0.6, 0.6))
CLOTHES = (
    (0.78, 0.16, 0.18), (0.16, 0.3, 0.66), (0.93, 0.78, 0.2), (0.9, 0.9, 0.9), (0.16, 0.17, 0.2),
    (0.2, 0.5, 0.34), (0.88, 0.48, 0.15), (0.5, 0.27, 0.55), (0.45, 0.62, 0.8),
)  # fmt: skip
PAINT = (
    (0.72, 0.1, 0.12), (0.12, 0.26, 0.56), (0.88, 0.88, 0.9), (0.14, 0.14, 0.16), (0.56, 0.58, 0.62),
    (0.9, 0.72, 0.12), (0.1, 0.4, 0.34), (0.45, 0.3, 0.2),
)  # fmt: skip
LEAVES = (
    (0.18, 0.42, 0.16), (0.28, 0.5, 0.18), (0.13, 0.34, 0.2), (0.45, 0.5, 0.14), (0.7, 0.42, 0.12), (0.62, 0.24, 0.14)
)  # fmt: skip
GLASS = (0.36, 0.47, 0.56)
RUBBER = (0.09, 0.09, 0.1)


def choose(random: Random, options: tuple) -> Colour:
    """Return one of `options`."""
    return options[random.randint(len(options))]


def between(random: Random, least: float, most: float) -> float:
    """Return a number drawn evenly from `least` to `most`."""
    return least + (most - least) * random.random_sample()


def tint(colour: Colour, factor: float) -> tuple[float, ...]:
    """Return the colour made lighter (above 1) or darker (below 1)."""
    return tuple(min(channel * factor, 1.0) for channel in colour)


def tree(draw: Draw, random: Random, x: float, y: float, metre: float) -> None:
    """Draw a broad-leaved tree, or one time in four a conifer, 3.5 to 7 metres tall."""
    tall = between(random, 3.5, 7) * metre
    bark = choose(random, ((0.36, 0.26, 0.18), (0.3, 0.24, 0.2), (0.62, 0.58, 0.54)))
    leaf = choose(random, LEAVES)
    if random.random_sample() < 0.25:
        leaf = choose(random, LEAVES[:3])
        draw(rectangle(x - 0.04 * tall, y - 0.2 * tall, x + 0.04 * tall, y), bark)
        for level in range(4):
            low, wide = y - (0.12 + 0.2 * level) * tall, (0.27 - 0.05 * level) * tall
            tier = polygon((x, low - 0.34 * tall), (x + wide, low), (x - wide, low))
            draw(tier, tint(leaf, 0.75 + 0.12 * level))
        return
    draw(
        polygon(
            (x - 0.03 * tall, y - 0.6 * tall),
            (x + 0.03 * tall, y - 0.6 * tall),
            (x + 0.05 * tall, y),
            (x - 0.05 * tall, y),
        ),
        bark,
    )
    crown = between(random, 0.26, 0.36) * tall
    middle = y - tall + crown
    draw(ellipse(x, middle, crown, 0.9 * crown), tint(leaf, 0.8))
    for _ in range(11):
        dx, dy = between(random, -0.75, 0.75), between(random, -0.75, 0.75)
        size = between(random, 0.25, 0.42) * crown
        draw(
            ellipse(x + dx * crown, middle + dy * 0.85 * crown, size, size),
            tint(leaf, between(random, 0.82, 1.3) - 0.2 * dy),
        )


def car(draw: Draw, random: Random, x: float, y: float, metre: float) -> None:
    """Draw a car from the side (4.2 metres long) or from behind (1.8 metres wide)."""
    paint = choose(random, PAINT)
    if random.random_sample() < 0.4:
        half, tall = 0.9 * metre, 1.45 * metre
        for side in (-1, 1):
            wheel = x + side * 0.72 * half
            draw(rectangle(wheel - 0.16 * half, y - 0.25 * tall, wheel + 0.16 * half, y), RUBBER)
        roof, belt = y - tall, y - 0.58 * tall
        draw(
            polygon((x - 0.66 * half, roof), (x + 0.66 * half, roof), (x + 0.92 * half, belt), (x - 0.92 * half, belt)),
            paint,
        )
        pane = polygon(
            (x - 0.56 * half, roof + 0.07 * tall),
            (x + 0.56 * half, roof + 0.07 * tall),
            (x + 0.76 * half, belt),
            (x - 0.76 * half, belt),
        )
        draw(pane, GLASS)
        draw(rectangle(x - half, belt, x + half, y - 0.13 * tall), paint)
        for side in (-1, 1):
            lamp = x + side * 0.78 * half
            draw(
                rectangle(lamp - 0.15 * half, belt + 0.06 * tall, lamp + 0.15 * half, belt + 0.18 * tall),
                (0.85, 0.12, 0.1),
            )
        draw(rectangle(x - 0.26 * half, y - 0.34 * tall, x + 0.26 * half, y - 0.24 * tall), (0.93, 0.93, 0.88))
        return
    facing = 1 if random.random_sample() < 0.5 else -1
    half, tall = 2.1 * metre, 1.42 * metre
    roof, belt, floor = y - tall, y - 0.6 * tall, y - 0.16 * tall

    def across(*corners: tuple[float, float]) -> Shape:
        # Written for a car that faces right; a mirrored polygon turns its corners the other way round.
        placed = [(x + facing * at * half, row) for at, row in corners]
        return polygon(*(placed if facing > 0 else placed[::-1]))

    draw(across((-0.72, roof), (0.28, roof), (0.62, belt), (-0.9, belt)), paint)
    draw(across((-0.66, roof + 0.08 * tall), (-0.24, roof + 0.08 * tall), (-0.24, belt), (-0.78, belt)), GLASS)
    draw(across((-0.17, roof + 0.08 * tall), (0.24, roof + 0.08 * tall), (0.5, belt), (-0.17, belt)), GLASS)
    draw(across((-0.97, belt), (0.6, belt), (0.97, belt + 0.14 * tall), (1.0, floor), (-1.0, floor)), paint)
    draw(
        across(
            (0.9, belt + 0.2 * tall), (0.99, belt + 0.2 * tall), (0.99, belt + 0.34 * tall), (0.9, belt + 0.34 * tall)
        ),
        (0.98, 0.93, 0.7),
    )
    for at in (-0.6, 0.6):
        wheel = x + facing * at * half
        draw(ellipse(wheel, y - 0.22 * tall, 0.22 * tall, 0.22 * tall), RUBBER)
        draw(ellipse(wheel, y - 0.22 * tall, 0.1 * tall, 0.1 * tall), (0.66, 0.67, 0.7))


def person(draw: Draw, random: Random, x: float, y: float, metre: float) -> None:
    """Draw a person who stands or walks, 1.5 to 1.9 metres tall."""
    tall = between(random, 1.5, 1.9) * metre
    skin, shirt, trousers = choose(random, SKIN), choose(random, CLOTHES), tint(choose(random, CLOTHES), 0.7)
    step = between(random, -0.15, 0.15) * tall
    swing = between(random, -0.13, 0.13) * tall
    hip, shoulder = y - 0.48 * tall, y - 0.8 * tall
    for foot, side in ((step, -1), (-step, 1)):
        draw(
            stroke(x + side * 0.045 * tall, hip, x + foot + side * 0.03 * tall, y - 0.04 * tall, 0.052 * tall), trousers
        )
        draw(
            stroke(
                x + foot + side * 0.03 * tall,
                y - 0.025 * tall,
                x + foot + side * 0.06 * tall,
                y - 0.025 * tall,
                0.03 * tall,
            ),
            RUBBER,
        )
    draw(stroke(x + 0.11 * tall, shoulder, x + 0.13 * tall + swing, hip, 0.035 * tall), tint(shirt, 0.85))
    draw(stroke(x, shoulder + 0.03 * tall, x, hip, 0.1 * tall), shirt)
    draw(stroke(x - 0.11 * tall, shoulder, x - 0.13 * tall - swing, hip, 0.035 * tall), tint(shirt, 1.1))
    for at in (x - 0.13 * tall - swing, x + 0.13 * tall + swing):
        draw(ellipse(at, hip + 0.02 * tall, 0.035 * tall, 0.035 * tall), skin)
    draw(ellipse(x, y - 0.93 * tall, 0.066 * tall, 0.075 * tall), choose(random, HAIR))
    draw(ellipse(x, y - 0.91 * tall, 0.056 * tall, 0.066 * tall), skin)


def animal(draw: Draw, random: Random, x: float, y: float, metre: float) -> None:
    """Draw a dog, a sheep or a horse, from the side."""
    facing = 1 if random.random_sample() < 0.5 else -1
    (dog, sheep, horse)[random.randint(3)](draw, random, x, y, metre, facing)


def dog(draw: Draw, random: Random, x: float, y: float, metre: float, facing: int) -> None:
    """Draw a dog, 0.75 metres to the top of its head, looking to the right where `facing` is 1."""
    coat = choose(random, ((0.55, 0.36, 0.2), (0.2, 0.16, 0.14), (0.85, 0.74, 0.55), (0.92, 0.9, 0.86)))
    size = 0.75 * metre
    for at in (-0.42, -0.3, 0.3, 0.42):
        draw(stroke(x + at * size, y - 0.4 * size, x + at * size, y - 0.05 * size, 0.06 * size), tint(coat, 0.85))
    draw(stroke(x - facing * 0.45 * size, y - 0.55 * size, x - facing * 0.7 * size, y - 0.85 * size, 0.05 * size), coat)
    draw(stroke(x - 0.36 * size, y - 0.52 * size, x + 0.36 * size, y - 0.52 * size, 0.17 * size), coat)
    neck = x + facing * 0.5 * size
    draw(stroke(x + facing * 0.38 * size, y - 0.58 * size, neck, y - 0.78 * size, 0.11 * size), coat)
    draw(ellipse(neck + facing * 0.05 * size, y - 0.84 * size, 0.16 * size, 0.14 * size), coat)
    draw(
        stroke(neck + facing * 0.12 * size, y - 0.81 * size, neck + facing * 0.28 * size, y - 0.79 * size, 0.06 * size),
        coat,
    )
    draw(ellipse(neck - facing * 0.05 * size, y - 0.86 * size, 0.06 * size, 0.11 * size), tint(coat, 0.65))


def sheep(draw: Draw, random: Random, x: float, y: float, metre: float, facing: int) -> None:
    """Draw a sheep, 0.95 metres tall, looking to the right where `facing` is 1."""
    size = 0.95 * metre
    wool, face = choose(random, ((0.93, 0.91, 0.86), (0.85, 0.8, 0.7))), (0.2, 0.18, 0.17)
    for at in (-0.34, -0.22, 0.22, 0.34):
        draw(stroke(x + at * size, y - 0.35 * size, x + at * size, y - 0.04 * size, 0.05 * size), face)
    draw(ellipse(x, y - 0.57 * size, 0.52 * size, 0.31 * size), wool)
    for _ in range(7):
        at, up = between(random, -0.42, 0.42), between(random, 0.42, 0.78)
        draw(ellipse(x + at * size, y - up * size, 0.15 * size, 0.12 * size), tint(wool, between(random, 0.9, 1.08)))
    head = x + facing * 0.56 * size
    draw(ellipse(head, y - 0.72 * size, 0.13 * size, 0.17 * size), face)
    draw(ellipse(head - facing * 0.1 * size, y - 0.83 * size, 0.09 * size, 0.05 * size), face)


def horse(draw: Draw, random: Random, x: float, y: float, metre: float, facing: int) -> None:
    """Draw a horse, 1.9 metres to the top of its head, looking to the right where `facing` is 1."""
    coat = choose(random, ((0.48, 0.28, 0.16), (0.24, 0.16, 0.12), (0.86, 0.83, 0.78), (0.68, 0.46, 0.26)))
    dark = tint(coat, 0.55)
    size = 1.9 * metre
    for at in (-0.36, -0.26, 0.26, 0.36):
        draw(stroke(x + at * size, y - 0.45 * size, x + at * size, y - 0.03 * size, 0.045 * size), tint(coat, 0.85))
    draw(
        stroke(x - facing * 0.42 * size, y - 0.66 * size, x - facing * 0.52 * size, y - 0.35 * size, 0.05 * size), dark
    )
    draw(ellipse(x, y - 0.56 * size, 0.44 * size, 0.17 * size), coat)
    crest_x, crest_y = x + facing * 0.52 * size, y - 0.88 * size
    draw(
        stroke(
            x + facing * 0.3 * size, y - 0.62 * size, crest_x - facing * 0.04 * size, crest_y - 0.02 * size, 0.12 * size
        ),
        dark,
    )
    draw(stroke(x + facing * 0.33 * size, y - 0.6 * size, crest_x, crest_y, 0.1 * size), coat)
    draw(stroke(crest_x, crest_y, crest_x + facing * 0.17 * size, crest_y + 0.12 * size, 0.065 * size), coat)


def pole(draw: Draw, random: Random, x: float, y: float, metre: float) -> None:
    """Draw a lamp post, 4.5 metres tall, or a road sign, 2.4 metres tall."""
    metal = choose(random, ((0.4, 0.42, 0.45), (0.2, 0.22, 0.24), (0.7, 0.7, 0.7)))
    radius = max(0.06 * metre, 0.75)
    if random.random_sample() < 0.5:
        top, side = y - 4.5 * metre, 1 if random.random_sample() < 0.5 else -1
        arm = x + side * 0.8 * metre
        draw(stroke(x, y, x, top, radius), metal)
        draw(stroke(x, top, arm, top - 0.15 * metre, radius), metal)
        draw(ellipse(arm, top, max(0.3 * metre, 1.6), max(0.16 * metre, 1.0)), (0.97, 0.93, 0.76))
        return
    draw(stroke(x, y, x, y - 2.1 * metre, radius), metal)
    red, blue, white = (0.8, 0.12, 0.12), (0.12, 0.3, 0.66), (0.95, 0.95, 0.95)
    high, wide = y - 2.2 * metre, max(0.36 * metre, 2.2)
    kind = random.randint(3)
    if kind == 0:
        draw(ellipse(x, high, wide, wide), red)
        draw(ellipse(x, high, 0.62 * wide, 0.62 * wide), white)
    elif kind == 1:
        draw(
            polygon((x, high - 1.1 * wide), (x + 1.1 * wide, high + 0.8 * wide), (x - 1.1 * wide, high + 0.8 * wide)),
            red,
        )
        draw(
            polygon((x, high - 0.5 * wide), (x + 0.6 * wide, high + 0.5 * wide), (x - 0.6 * wide, high + 0.5 * wide)),
            white,
        )
    else:
        draw(rectangle(x - wide, high - wide, x + wide, high + wide), blue)
        draw(rectangle(x - 0.2 * wide, high - 0.6 * wide, x + 0.2 * wide, high + 0.6 * wide), white)
