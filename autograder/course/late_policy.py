"""What late work loses: steps that an assignment's manifest states."""

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
