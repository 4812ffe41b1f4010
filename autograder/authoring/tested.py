"""What `autograder validate --record` found of an assignment, kept in ``tested.json`` beside it for pages to show.

It is written only where everything holds, and says of what: each exercise with a digest of its suites, solutions and
variants, so that a change of one exercise leaves what is known of the others as it is.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.authoring import survivors, variants
from autograder.authoring.validate import Validation
from autograder.course import files
from autograder.course.assignment import HIDDEN, VISIBLE, Assignment, reference_sources

FILE = "tested.json"


@dataclass(frozen=True)
class Row:
    """One exercise: how many tests its hidden suite has, how many right and wrong variants and draws it was tried with.

    ``made`` and ``killed`` count mutants of right solutions, None where there were none; ``reasons`` say why those that
    are left over are right, with how many each is the reason of. ``current`` is whether it is about the files of today.
    """

    assignment: str
    exercise: str
    title: str
    tests: int
    right: int
    wrong: int
    draws: int
    made: int | None
    killed: int | None
    reasons: dict[str, int]
    current: bool


def record(assignment: Assignment, found: Validation, draws: int) -> str:
    """Write what was found, all of which holds, and return the file's text. Raises `ValueError` where it does not.

    What the file says of other exercises, and of the same suites, solutions and variants of these, is kept: draws and
    mutants take long, so that one may be tried today and the other tomorrow.
    """
    if not found.holds:
        raise ValueError("what does not hold is not recorded")
    recorded = _recorded(assignment)
    tried = list(variants.read_variants(assignment))
    for name in found.exercises:
        of, before = digest(assignment, name), recorded.get(name, {})
        if before.get("of") != of:
            before = {"draws": 0}
        kinds = [variant.kind for variant in tried if name in variant.verdicts]
        one: dict[str, Any] = {
            "of": of,
            "draws": max(draws, before["draws"]),
            "tests": sum(1 for _ in _tests(assignment.source / HIDDEN / f"test_{name}.py")),
            "right": kinds.count(variants.CORRECT),
            "wrong": kinds.count(variants.WRONG),
        }
        if name in found.mutants:
            tally = found.mutants[name]
            reasons: dict[str, int] = {}
            for why in tally.equivalent.values():
                reasons[why] = reasons.get(why, 0) + 1
            one["mutants"] = {"made": tally.made, "killed": tally.killed, "right": reasons}
        elif "mutants" in before:
            one["mutants"] = before["mutants"]
        recorded[name] = one
    text = (
        json.dumps(
            {name: recorded[name] for name in assignment.exercises if name in recorded}, indent=1, ensure_ascii=False
        )
        + "\n"
    )
    files.write_whole(assignment.source / FILE, text)
    return text


def rows(assignment: Assignment) -> Iterator[Row]:
    """What is recorded of an assignment's exercises, in their order; nothing where there is no record."""
    recorded = _recorded(assignment)
    for name, exercise in assignment.exercises.items():
        if (one := recorded.get(name)) is not None:
            current = one["of"] == digest(assignment, name)
            mutants = one.get("mutants", {"made": None, "killed": None, "right": {}})
            made, killed, reasons = mutants["made"], mutants["killed"], mutants["right"]
            counts = one["tests"], one["right"], one["wrong"], one["draws"]
            yield Row(assignment.name, name, exercise.title, *counts, made, killed, reasons, current)


def _recorded(assignment: Assignment) -> dict[str, Any]:
    path = assignment.source / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def digest(assignment: Assignment, exercise: str) -> str:
    """Changes with the suites of an exercise, the author's solutions, its variants and what is recorded as right."""
    found = hashlib.sha256()
    for source in reference_sources(assignment).values():  # of all exercises: one may call another
        found.update(source.encode() + b"\0")
    others = {f"test_{name}.py" for name in assignment.exercises if name != exercise}
    suites = (path for folder in (HIDDEN, VISIBLE) for path in (assignment.source / folder).rglob("*.py"))
    about = [path for path in suites if path.name not in others]
    about += [variant.path for variant in variants.read_variants(assignment) if exercise in variant.verdicts]
    for path in sorted(about):
        found.update(path.relative_to(assignment.source).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    for mutant, reason in survivors.recorded(assignment).items():
        if mutant.exercise == exercise:
            found.update(f"{mutant} {reason}\0".encode())
    return found.hexdigest()[:16]


def _tests(suite: Path) -> Iterator[str]:
    tree = ast.parse(suite.read_text(encoding="utf-8"))
    return (n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_"))
