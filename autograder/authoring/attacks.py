"""Submissions that cheat, as the red team states them: what each does, and what must come of it.

Attacks stand in ``tests/redteam/*.py`` as ``ATTACKS``. They are written for any assignment: in their sources ``$name``
is the exercise that is attacked, ``$reference`` the author's solution of it and ``$wrong`` an answer that is none.
"""

import ast
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.authoring import sample_class
from autograder.authoring.sample_class import Recipe
from autograder.course.assignment import Assignment
from autograder.course.errors import AssignmentError
from autograder.course.report import Report

MARK = "redteam-was-here"  # what attacks that write files call them
UNUSUAL = "unusual"
CARELESS = "careless"
ROWS: dict[int | str, str] = {
    1: "leaving the process",
    2: "acting after the tests",
    3: "results that lie",
    4: "patched libraries",
    5: "IPython's hooks",
    6: "forged frames",
    7: "files of the grader",
    8: "printed passes",
    9: "reading the process",
    10: "searching the disk",
    11: "memory between calls",
    12: "the network",
    13: "hidden loops",
    14: "forbidden operators",
    15: "fooling the clock",
    16: "replacing the counter",
    17: "time",
    18: "memory",
    19: "processes and output",
    20: "files that are none",
    21: "broken JSON",
    22: "edited metadata",
    23: "the wrong notebook",
    24: "script and formulas",
    25: "one broken cell",
    UNUSUAL: "right, in an unusual way",
    CARELESS: "wrong, by a mistake that is easily overlooked",
}


@dataclass(frozen=True)
class Target:
    """What an attack is made for: one exercise of an assignment, and another that must not suffer."""

    assignment: Assignment
    name: str
    beside: str
    reference: dict[str, str]

    @property
    def notebook(self) -> bytes:
        """An honest notebook file: every exercise solved as the author does."""
        return sample_class.notebook_bytes(Recipe("honest", "Solves everything."), self.assignment)

    def fill(self, source: str) -> str:
        """``source`` with the attacked exercise's names and solutions, and the limit in MB on memory, in place."""
        wrong = f"def {self.name}(*args, **kwargs):\n    return None\n"
        return string.Template(source).safe_substitute(
            name=self.name,
            beside=self.beside,
            reference=self.reference[self.name],
            wrong=wrong,
            mark=MARK,
            root=str(self.assignment.root),
            memory=str(self.assignment.manifest.limits.memory_mb),
        )


@dataclass(frozen=True)
class Attack:
    """One submission that cheats, or looks as if it did, and what must come of it.

    ``cell`` is the source of the attacked exercise's cell, ``before`` and ``after`` those of further cells. A
    submission of files has instead ``file``, which makes the notebook's bytes, or ``folder``, which fills the
    student's folder. ``wanted`` are the verdicts that the exercise may get, and ``beside`` those of its neighbour
    (empty: any, None: the same). ``keeps`` is the largest share of its points that the exercise may earn (None: all
    if it passed, the gate's credit if it loops, else none). ``remark`` must stand somewhere in the report, and
    ``also`` looks further: it returns a sentence for each thing that is not as it should be.
    ``on`` chooses the exercise: ``any``, ``tensor`` (one that returns a tensor) or a name; ``only`` an assignment.
    ``control`` names the naive grader of ``tests/test_redteam.py`` that the same attack fools. ``gap`` says, of an
    attack that the grader does not stop yet, why; what it gets is shown, and nothing is required of it. Where it is
    ``flagged`` it may also pass, or pass all but what has too little time or memory for it, if the report names its
    code for the instructor: it breaks no rule on values, and what it does is not seen with certainty.
    """

    id: str
    row: int | str
    title: str
    cell: str = ""
    wanted: tuple[str, ...] = ("wrong",)
    beside: tuple[str, ...] | None = ("passed",)
    keeps: float | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    file: Callable[[Target], bytes] | None = None
    folder: Callable[[Path, Target], None] | None = None
    student: str = ""
    remark: str = ""
    also: Callable[[Report, Target], Sequence[str]] | None = None
    on: str = "any"
    only: str = ""
    control: str = ""
    gap: str = ""
    flagged: bool = False

    def target(self, assignment: Assignment) -> Target | None:
        """What the attack is aimed at in ``assignment``; None when there is nothing of its kind there."""
        if self.only not in ("", assignment.name):
            return None
        reference = {n: s for n, s in sample_class.reference_sources(assignment).items() if n in assignment.exercises}
        fitting = [name for name, source in reference.items() if self.on in ("any", name) or _gives_tensor(source)]
        if self.on not in ("any", "tensor"):
            fitting = [name for name in fitting if name == self.on]
        if not fitting:
            return None
        beside = next((name for name in reference if name != fitting[0]), fitting[0])
        return Target(assignment, fitting[0], beside, reference)


def attacks(assignment: Assignment) -> list[Attack]:
    """The attacks that fit an assignment, in the order of their rows. Raises `AssignmentError` when there are none."""
    order = list(ROWS)
    fitting = (attack for attack in every_attack(assignment) if attack.target(assignment))
    return sorted(fitting, key=lambda attack: order.index(attack.row))


def every_attack(assignment: Assignment) -> list[Attack]:
    """The attacks of the project's checkout, whatever they are written for. Raises `AssignmentError` as `attacks`."""
    folder = assignment.root / "tests" / "redteam"
    found = [attack for path in sorted(folder.glob("*.py")) for attack in sample_class.load_module(path).ATTACKS]
    if not found:
        raise AssignmentError(f"there are no attacks in {folder}; the red team is part of the project's checkout")
    ids = [attack.id for attack in found]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise AssignmentError(f"two attacks are called {twice[0]!r} in {folder}; give one another id")
    return found


def _gives_tensor(source: str) -> bool:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            return ast.unparse(node.returns) in ("torch.Tensor", "Tensor")
    return False
