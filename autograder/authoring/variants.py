"""Right and wrong ways to solve an assignment's exercises, which its author writes down to prove its suites with.

``variants/correct/*.py`` each say ``SOLVES = ("<exercise>", …)``, and ``variants/wrong/*.py`` say
``FAILS = {"<exercise>": "<verdict>", …}``; what these say as ``HINT``, or else the first line of their docstring, is
the hint for their mistake. Nothing of them is run here.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.course.agreement import parsed
from autograder.course.assignment import Assignment
from autograder.course.errors import AssignmentError
from autograder.course.verdict import Verdict

CORRECT, WRONG = "correct", "wrong"
SAYS = {CORRECT: 'SOLVES = ("<exercise>", …)', WRONG: 'FAILS = {"<exercise>": "<verdict>"}'}
# What a suite can find of code that is wrong. The other verdicts say that nothing was tested, or are ours.
CAN_FAIL_WITH = tuple(v for v in Verdict if v not in (Verdict.PASSED, Verdict.FAULT, Verdict.UNREADABLE))
LEAST = 1  # variants of each kind for each exercise


@dataclass(frozen=True)
class Variant:
    """One way to solve some exercises. ``kind`` is `CORRECT` or `WRONG`, ``verdicts`` what each exercise must get.

    ``hint`` is the sentence for a student who makes the mistake of a wrong one.
    """

    path: Path
    kind: str
    verdicts: dict[str, Verdict]
    hint: str = ""

    @property
    def name(self) -> str:
        """What it is called in words and in JSON: ``wrong/conv_flipped.py``."""
        return f"{self.kind}/{self.path.name}"


def read_variants(assignment: Assignment) -> list[Variant]:
    """The variants of an assignment, right ones first. Raises `AssignmentError` at the first that cannot be used."""
    return [_read(path, kind, assignment) for kind in SAYS for path in _files(assignment, kind)]


def problems(assignment: Assignment) -> Iterator[str]:
    """Each variant that cannot be used, and each exercise that has less than `LEAST` of a kind."""
    counts = {kind: dict.fromkeys(assignment.exercises, 0) for kind in SAYS}
    unread = False
    for kind in SAYS:
        for path in _files(assignment, kind):
            try:
                for name in _read(path, kind, assignment).verdicts:
                    counts[kind][name] += 1
            except AssignmentError as error:
                unread = True
                yield str(error)
    if unread:
        return  # those may be what is lacking
    for kind, says in SAYS.items():
        for name, count in counts[kind].items():
            if count < LEAST:
                folder = (assignment.source / "variants" / kind).relative_to(assignment.root)
                yield f"{name} has no {kind} variant; write one in {folder}/, a file that says {says}"


def _files(assignment: Assignment, kind: str) -> list[Path]:
    return sorted((assignment.source / "variants" / kind).glob("*.py"))


def _read(path: Path, kind: str, assignment: Assignment) -> Variant:
    where, constant = path.relative_to(assignment.root), SAYS[kind].partition(" ")[0]
    said = _constant(parsed(path, assignment.root), constant)
    fitting = isinstance(said, dict if kind == WRONG else list | tuple) and said
    if not fitting or not all(isinstance(word, str) for word in said):
        raise AssignmentError(f"{where} should say {SAYS[kind]}: the exercises that it is about, at least one")
    if unknown := [name for name in said if name not in assignment.exercises]:
        known = ", ".join(assignment.exercises)
        raise AssignmentError(f"{where}: {constant} names {unknown[0]!r}, and the exercises are {known}")
    if kind == CORRECT:
        return Variant(path, kind, dict.fromkeys(said, Verdict.PASSED))
    if bad := [verdict for verdict in said.values() if verdict not in CAN_FAIL_WITH]:
        raise AssignmentError(
            f"{where}: {constant} says {bad[0]!r}, and a variant can fail as {', '.join(CAN_FAIL_WITH)}"
        )
    module = parsed(path, assignment.root)
    hint = _constant(module, "HINT") or (ast.get_docstring(module) or "").partition("\n")[0]
    if not isinstance(hint, str) or not hint:
        raise AssignmentError(f"{where} should begin with a docstring that says what its mistake is, or have a HINT")
    return Variant(path, kind, {name: Verdict(verdict) for name, verdict in said.items()}, hint)


def _constant(module: ast.Module, name: str) -> Any:
    """What a module assigns to ``name`` at its top level; None when that is no constant, or not there."""
    for node in module.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                return None
    return None
