"""What late work loses: steps that an assignment's manifest states, and what follows from them.

The book's ledger works the same rule out for itself, to compare it with what the course promises.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class LateStep(BaseModel):
    """Work handed in at most ``within_hours`` late loses the share ``loses`` of its score."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    within_hours: Annotated[float, Field(gt=0)]
    loses: Annotated[float, Field(ge=0, le=1)]


def share_lost(steps: Sequence[LateStep], seconds_late: float) -> float:
    """The share of its score that work handed in ``seconds_late`` after the due time loses, from 0 to 1.

    Later than the last step all is lost; without steps nothing is.
    """
    if seconds_late <= 0:
        return 0.0
    for step in steps:
        if seconds_late <= step.within_hours * 3600:
            return step.loses
    return 1.0 if steps else 0.0


def points_lost(steps: Sequence[LateStep], score: float, seconds_late: float) -> float:
    """The points that ``score`` loses for being ``seconds_late``, to a hundredth."""
    return round(score * share_lost(steps, seconds_late), 2)


def in_words(steps: Sequence[LateStep]) -> str:
    """The steps as a student reads them; empty when there are none."""
    if not steps:
        return ""
    each = " ".join(f"Up to {_hours(step.within_hours)} late costs {step.loses:.0%}." for step in steps)
    return f"{each} Later than that earns nothing."


def _hours(number: float) -> str:
    return "1 hour" if number == 1 else f"{number:g} hours"


def order_problem(steps: Sequence[LateStep]) -> str:
    """What is wrong with the order of the steps; empty when nothing is."""
    hours = [step.within_hours for step in steps]
    return "" if hours == sorted(set(hours)) else "steps should be listed by growing within_hours"
