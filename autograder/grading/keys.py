"""Seeds of hidden tests, and the keys that reports are stored under. Needs none of what grading itself imports.

A key is a hash of what decides a grade and of nothing else. A colour, a help text, a title, the due date, a recipe of
the sample class or a written question decides none, so a change of one regrades nobody.
"""

import hashlib
import hmac
import json
import platform
import secrets
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from autograder.course import files, places
from autograder.course.assignment import Assignment
from autograder.course.errors import AssignmentError
from autograder.course.submission import Submission
from autograder.course.verdict import Verdict

PACKAGE = Path(__file__).resolve().parents[1]
# The parts of this package that decide a grade: whole rooms, and files of others.
DECIDING = (
    "measure",
    "suite",
    "jail",
    "course/equivalents.py",
    "course/report.py",
    "course/submission.py",
    "course/syntax.py",
    "grading/batching.py",
    "grading/disclosure.py",
    "grading/grade.py",
    "grading/session.py",
)
SECRET_BYTES = 32
LIBRARIES = ("torch", "numpy", "ipython")  # what a student's values come from, and what its cells run in


def course_secret(root: Path) -> bytes:
    """The secret that seeds are drawn from; made on first use, readable by its owner alone, outside every jail.

    Raises `AssignmentError` for a file that holds less than a whole secret: seeds drawn from it could be foreseen.
    """
    path = root / places.SECRET
    if not path.exists():
        # Of two that start at once the first to write gives both their secret.
        files.write_whole(path, secrets.token_bytes(SECRET_BYTES), 0o600, replace=False)
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise AssignmentError(
            f"{path} holds {len(secret)} bytes of the {SECRET_BYTES} that a secret has, so the hidden tests' inputs "
            "could be foreseen; put it back with `autograder restore`, or remove the file: then a new secret is made, "
            "and every submission is graded again, with other inputs"
        )
    return secret


def assignment_seed(secret: bytes, assignment: str) -> int:
    """The seed of an assignment's hidden tests: unforeseeable, and one for the class, or a score would depend on whose
    submission it is.
    """
    digest = hmac.digest(secret, assignment.encode(), "sha256")
    return int.from_bytes(digest[:8], "big") >> 1


def deciding_files() -> list[Path]:
    """The files of this package that decide a grade."""
    places = [PACKAGE / part for part in DECIDING]
    return [file for place in places for file in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]


def deciding_parts(assignment: Assignment) -> dict[str, str]:
    """A digest of each thing that decides a grade beside the submission, under the words to call it by."""
    files = [(file.relative_to(PACKAGE).as_posix(), file.read_bytes()) for file in deciding_files()]
    parts = {
        # Of the table of verdicts their order decides, and not the words and colours that show them.
        "the harness": _digest([("verdicts", " ".join(Verdict).encode()), *files]),
        "a library": _digest((name, version(name).encode()) for name in LIBRARIES),
        "Python": _digest([("version", platform.python_version().encode())]),
    }
    for path in sorted(assignment.hidden.glob("*.py")):
        parts[f"the suite {path.name}"] = _digest([(path.name, path.read_bytes())])
    parts["the manifest"] = _digest([("manifest", _deciding_manifest(assignment))])
    parts["the release"] = _digest(
        (cell.metadata.nbgrader.grade_id, cell.source.encode())
        for cell in assignment.released_notebook.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("locked")
    )
    return parts


def _deciding_manifest(assignment: Assignment) -> bytes:
    """What the manifest says of grading as JSON: limits, and each exercise's points, rules and gate credit."""
    exercises = {
        name: exercise.model_dump(include={"points", "forbid", "gate_credit"})
        for name, exercise in assignment.exercises.items()
    }
    return json.dumps([assignment.manifest.limits.model_dump(), exercises]).encode()


def display_digest(assignment: Assignment) -> str:
    """A digest of what the manifest says that no grade depends on and that students are shown: titles, dates, late
    steps.

    When it changes nothing is graded again; penalties and feedback are brought up to date.
    """
    manifest = assignment.manifest
    titles = {name: exercise.title for name, exercise in manifest.exercise.items()}
    late = [step.model_dump() for step in manifest.late]
    return _digest([("words", json.dumps([manifest.title, manifest.due.isoformat(), late, titles]).encode())])


def _digest(named: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in named:
        digest.update(f"{name}\0".encode())
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def digest_of(parts: Mapping[str, str]) -> str:
    """One digest of what `deciding_parts` found."""
    return _digest((part, digest.encode()) for part, digest in parts.items())


def report_key(decided: str, submission: Submission, seed: int) -> str:
    """What a report is stored under: two gradings with one key give one result."""
    parts = (decided, submission.digest, submission.problem, submission.student, str(seed))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
