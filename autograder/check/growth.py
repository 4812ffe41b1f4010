"""What counted work says in words: whether it grows with the input, and as how many loops would make it."""

import math
from collections.abc import Sequence

from autograder.course.text import counted
from autograder.measure.work import grows
from autograder.suite.loops import Measurement

_NESTED = {
    1: "in step with the size, as one loop does",
    2: "with the square of the size, as two nested loops do",
    3: "with the cube of the size, as three nested loops do",
    4: "with the fourth power of the size, as four nested loops do",
}


def steady(measured: Measurement) -> bool:
    """Whether the counts are equal at all sizes, so that one number says them."""
    return len({(done.opcodes, done.dispatched) for done in measured.works}) == 1


def explanation(measured: Measurement) -> str:
    """A sentence on how to read the counts of ``measured``."""
    sizes, works = measured
    if steady(measured):
        at = ", ".join(map(str, sizes[:-1])) + f" and {sizes[-1]}"
        return (
            f"{counted(works[0].opcodes, 'Python step')} and {counted(works[0].dispatched, 'operator')} "
            f"at size {at} alike: nothing loops over the input."
        )
    if not grows(works):
        return "The work hardly changes with the size: nothing loops over the input."
    columns = (("Python steps", [w.opcodes for w in works]), ("tensor operators", [w.dispatched for w in works]))
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


def role(measured: Measurement) -> str:
    """The colour of the counts."""
    return "part" if grows(measured.works) else "good"


def as_text(measured: Measurement) -> str:
    """The counts in a sentence."""
    parts = (
        f"size {n}: {counted(work.opcodes, 'step')}, {counted(work.dispatched, 'operator')}"
        for n, work in zip(*measured, strict=True)
    )
    return f"{'; '.join(parts)}."
