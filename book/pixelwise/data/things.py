"""How the scenes' things are drawn, each from a few shapes: trees, cars, people, animals, lamp posts and signs.

Each function takes `draw(shape, colour)`, a source of random numbers, the place (x, y) in pixels where the thing stands
on the ground, and how many pixels a metre takes there. It draws from back to front, in coordinates of its own in which
1 is the height, or for a car half the width, of the thing.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from pixelwise.data.canvas import Colour, Frame, Shape

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
BARK = ((0.36, 0.26, 0.18), (0.3, 0.24, 0.2), (0.62, 0.58, 0.54))
GLASS, RUBBER, STEEL = (0.36, 0.47, 0.56), (0.09, 0.09, 0.1), (0.66, 0.67, 0.7)
RED, BLUE, WHITE, LAMPLIGHT = (0.8, 0.12, 0.12), (0.12, 0.3, 0.66), (0.95, 0.95, 0.95), (0.97, 0.93, 0.76)


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
    """Draw a broad-leaved tree or, one time in four, a conifer, 3.5 to 7 metres tall."""
    at = Frame(x, y, between(random, 3.5, 7) * metre)
    bark = choose(random, BARK)
    if random.random_sample() < 0.25:
        leaf = choose(random, LEAVES[:3])
        draw(at.rectangle(-0.04, 0.04, 0, 0.2), bark)
        for level in range(4):
            low, wide = 0.12 + 0.2 * level, 0.27 - 0.05 * level
            draw(at.polygon((0, low + 0.34), (wide, low), (-wide, low)), tint(leaf, 0.75 + 0.12 * level))
        return
    leaf = choose(random, LEAVES)
    draw(at.polygon((-0.03, 0.6), (0.03, 0.6), (0.05, 0), (-0.05, 0)), bark)
    crown = between(random, 0.26, 0.36)
    draw(at.ellipse(0, 1 - crown, crown, 0.9 * crown), tint(leaf, 0.8))
    for _ in range(11):
        right, up = between(random, -0.75, 0.75), between(random, -0.75, 0.75)
        size = between(random, 0.25, 0.42) * crown
        lit = between(random, 0.82, 1.3) + 0.2 * up
        draw(at.ellipse(right * crown, 1 - crown + 0.85 * up * crown, size, size), tint(leaf, lit))


def car(draw: Draw, random: Random, x: float, y: float, metre: float) -> None:
    """Draw a car from behind (1.8 metres wide) or, more often, from the side (4.2 metres long)."""
    paint = choose(random, PAINT)
    if random.random_sample() < 0.4:
        _car_from_behind(draw, Frame(x, y, 0.9 * metre), paint)
    else:
        _car_from_the_side(draw, Frame(x, y, 2.1 * metre, _facing(random)), paint)


def _car_from_behind(draw: Draw, at: Frame, paint: Colour) -> None:
    for side in (-0.72, 0.72):
        draw(at.rectangle(side - 0.16, side + 0.16, 0, 0.4), RUBBER)
    draw(at.polygon((-0.66, 1.61), (0.66, 1.61), (0.92, 0.93), (-0.92, 0.93)), paint)
    draw(at.polygon((-0.56, 1.5), (0.56, 1.5), (0.76, 0.93), (-0.76, 0.93)), GLASS)
    draw(at.rectangle(-1, 1, 0.21, 0.93), paint)
    for side in (-0.78, 0.78):
        draw(at.rectangle(side - 0.15, side + 0.15, 0.64, 0.84), (0.85, 0.12, 0.1))
    draw(at.rectangle(-0.26, 0.26, 0.39, 0.55), (0.93, 0.93, 0.88))


def _car_from_the_side(draw: Draw, at: Frame, paint: Colour) -> None:
    draw(at.polygon((-0.72, 0.68), (0.28, 0.68), (0.62, 0.41), (-0.9, 0.41)), paint)
    draw(at.polygon((-0.66, 0.62), (-0.24, 0.62), (-0.24, 0.41), (-0.78, 0.41)), GLASS)
    draw(at.polygon((-0.17, 0.62), (0.24, 0.62), (0.5, 0.41), (-0.17, 0.41)), GLASS)
    draw(at.polygon((-0.97, 0.41), (0.6, 0.41), (0.97, 0.31), (1, 0.11), (-1, 0.11)), paint)
    draw(at.rectangle(0.9, 0.99, 0.18, 0.27), (0.98, 0.93, 0.7))
    for axle in (-0.6, 0.6):
        draw(at.ellipse(axle, 0.15, 0.15, 0.15), RUBBER)
        draw(at.ellipse(axle, 0.15, 0.07, 0.07), STEEL)


def person(draw: Draw, random: Random, x: float, y: float, metre: float) -> None:
    """Draw a person who stands or walks, 1.5 to 1.9 metres tall."""
    at = Frame(x, y, between(random, 1.5, 1.9) * metre)
    skin, shirt, trousers = choose(random, SKIN), choose(random, CLOTHES), tint(choose(random, CLOTHES), 0.7)
    step, swing = between(random, -0.15, 0.15), between(random, -0.13, 0.13)
    for foot, side in ((step, -1), (-step, 1)):
        ankle = foot + 0.03 * side
        draw(at.stroke(0.045 * side, 0.48, ankle, 0.04, 0.058), trousers)
        draw(at.stroke(ankle, 0.025, ankle + 0.03 * side, 0.025, 0.03), RUBBER)
    draw(at.stroke(0.11, 0.8, 0.13 + swing, 0.48, 0.042), tint(shirt, 0.85))
    draw(at.stroke(0, 0.77, 0, 0.48, 0.11), shirt)
    draw(at.stroke(-0.11, 0.8, -0.13 - swing, 0.48, 0.042), tint(shirt, 1.1))
    for hand in (-0.13 - swing, 0.13 + swing):
        draw(at.ellipse(hand, 0.46, 0.035, 0.035), skin)
    draw(at.ellipse(0, 0.925, 0.075, 0.08), choose(random, HAIR))
    draw(at.ellipse(0, 0.9, 0.063, 0.07), skin)


def animal(draw: Draw, random: Random, x: float, y: float, metre: float) -> None:
    """Draw a dog, a sheep or a horse from the side."""
    kind = (_dog, _sheep, _horse)[random.randint(3)]
    kind(draw, random, Frame(x, y, metre, _facing(random)))


def _dog(draw: Draw, random: Random, at: Frame) -> None:
    coat = choose(random, ((0.55, 0.36, 0.2), (0.2, 0.16, 0.14), (0.85, 0.74, 0.55), (0.92, 0.9, 0.86)))
    at = at._replace(size=0.85 * at.size)
    for leg in (-0.42, -0.3, 0.3, 0.42):
        draw(at.stroke(leg, 0.4, leg, 0.05, 0.07), tint(coat, 0.85))
    draw(at.stroke(-0.45, 0.55, -0.7, 0.85, 0.05), coat)  # tail
    draw(at.stroke(-0.36, 0.52, 0.36, 0.52, 0.17), coat)
    draw(at.stroke(0.38, 0.58, 0.5, 0.78, 0.11), coat)  # neck
    draw(at.ellipse(0.55, 0.84, 0.16, 0.14), coat)
    draw(at.stroke(0.62, 0.81, 0.78, 0.79, 0.06), coat)  # muzzle
    draw(at.ellipse(0.45, 0.86, 0.06, 0.11), tint(coat, 0.65))  # ear


def _sheep(draw: Draw, random: Random, at: Frame) -> None:
    wool, face = choose(random, ((0.93, 0.91, 0.86), (0.85, 0.8, 0.7))), (0.2, 0.18, 0.17)
    at = at._replace(size=0.95 * at.size)
    for leg in (-0.34, -0.22, 0.22, 0.34):
        draw(at.stroke(leg, 0.35, leg, 0.04, 0.05), face)
    draw(at.ellipse(0, 0.57, 0.52, 0.31), wool)
    for _ in range(7):
        right, up = between(random, -0.42, 0.42), between(random, 0.42, 0.78)
        draw(at.ellipse(right, up, 0.15, 0.12), tint(wool, between(random, 0.9, 1.08)))
    draw(at.ellipse(0.56, 0.72, 0.13, 0.17), face)
    draw(at.ellipse(0.46, 0.83, 0.09, 0.05), face)  # ear


def _horse(draw: Draw, random: Random, at: Frame) -> None:
    coat = choose(random, ((0.48, 0.28, 0.16), (0.24, 0.16, 0.12), (0.86, 0.83, 0.78), (0.68, 0.46, 0.26)))
    dark = tint(coat, 0.55)
    at = at._replace(size=1.9 * at.size)
    for leg in (-0.36, -0.26, 0.26, 0.36):
        draw(at.stroke(leg, 0.45, leg, 0.03, 0.055), tint(coat, 0.85))
    draw(at.stroke(-0.42, 0.66, -0.52, 0.35, 0.05), dark)  # tail
    draw(at.ellipse(0, 0.56, 0.44, 0.17), coat)
    draw(at.stroke(0.3, 0.62, 0.48, 0.9, 0.12), dark)  # mane
    draw(at.stroke(0.33, 0.6, 0.52, 0.88, 0.1), coat)
    draw(at.stroke(0.52, 0.88, 0.69, 0.76, 0.065), coat)  # head


def pole(draw: Draw, random: Random, x: float, y: float, metre: float) -> None:
    """Draw a lamp post, 4.5 metres tall, or a road sign, 2.4 metres tall; neither is ever thinner than 2 pixels."""
    at = Frame(x, y, metre, _facing(random))
    metal = choose(random, ((0.4, 0.42, 0.45), (0.2, 0.22, 0.24), (0.7, 0.7, 0.7)))
    pixel = 1 / metre
    radius = max(0.08, pixel)
    if random.random_sample() < 0.5:
        draw(at.stroke(0, 0, 0, 4.5, radius), metal)
        draw(at.stroke(0, 4.5, 0.8, 4.65, radius), metal)
        draw(at.ellipse(0.8, 4.5, max(0.35, 2 * pixel), max(0.18, 1.4 * pixel)), LAMPLIGHT)
        return
    draw(at.stroke(0, 0, 0, 2.1, radius), metal)
    plate = Frame(*at.at(0, 2.2), max(0.42 * metre, 2.8))
    kind = random.randint(3)
    if kind == 0:
        draw(plate.ellipse(0, 0, 1, 1), RED)
        draw(plate.ellipse(0, 0, 0.62, 0.62), WHITE)
    elif kind == 1:
        draw(plate.polygon((0, 1.1), (1.1, -0.8), (-1.1, -0.8)), RED)
        draw(plate.polygon((0, 0.5), (0.6, -0.5), (-0.6, -0.5)), WHITE)
    else:
        draw(plate.rectangle(-1, 1, -1, 1), BLUE)
        draw(plate.rectangle(-0.2, 0.2, -0.6, 0.6), WHITE)


def _facing(random: Random) -> int:
    return 1 if random.random_sample() < 0.5 else -1
