"""What the gradebook says of one submission, as plain data that a process without nbgrader can have."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Given:
    """What the gradebook says of one exercise.

    ``by_hand`` is the score that a person gave, extra credit included, None where nobody gave one; ``comment`` is what
    a person wrote. ``to_be_read`` says that nbgrader waits for a person to look at it.
    """

    score: float
    by_hand: float | None = None
    to_be_read: bool = False
    comment: str = ""


@dataclass(frozen=True)
class Standing:
    """What the gradebook says of one submission: each exercise, the points lost by being late, and how late it was."""

    exercises: dict[str, Given] = field(default_factory=dict)
    penalty: float = 0.0
    seconds_late: float = 0.0

    @property
    def score(self) -> float:
        """The final score, as `grades.csv` has it: all exercises, less what being late costs."""
        return round(max(0.0, sum(given.score for given in self.exercises.values()) - self.penalty), 2)

    @property
    def to_be_read(self) -> list[str]:
        """The exercises that wait for a person."""
        return [name for name, given in self.exercises.items() if given.to_be_read]
