"""Seeds of hidden tests, and the keys that reports are stored under. Needs none of what grading itself imports."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

from autograder.assignment import Assignment
from autograder.submission import Submission


def course_secret(root: Path) -> bytes:
    """The secret that seeds are drawn from; made on first use, readable by its owner alone, outside every jail."""
    path = root / ".autograder" / "secret"
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    path.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileExistsError), path.open("xb") as file:
        path.chmod(0o600)
        file.write(secrets.token_bytes(32))
    return path.read_bytes()


def submission_seed(secret: bytes, assignment: str, student: str) -> int:
    """The seed of one student's hidden tests: the same at every grading, another for everybody, unforeseeable."""
    digest = hmac.digest(secret, f"{assignment}\0{student}".encode("utf-8", "surrogateescape"), "sha256")
    return int.from_bytes(digest[:8], "big") >> 1


def digests(assignment: Assignment) -> dict[str, str]:
    """A digest of each thing that decides a grade beside the submission, under the words to call it by."""
    package = Path(__file__).parent
    files = {"the harness": [p for p in sorted(package.rglob("*.py")) if "suites" not in p.relative_to(package).parts]}
    for path in sorted(assignment.suites.glob("*.py")):
        files[f"the suite {path.name}"] = [path]
    files["the manifest"] = [assignment.source / "assignment.toml"]
    files["the release"] = [assignment.release / f"{assignment.name}.ipynb"]
    return {part: _digest(paths) for part, paths in files.items()}


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def harness_digest(assignment: Assignment) -> str:
    """One digest of all that decides a grade beside the submission: harness, suites, manifest and release."""
    return digest_of(digests(assignment))


def digest_of(parts: Mapping[str, str]) -> str:
    """One digest of what `digests` found."""
    return hashlib.sha256("\0".join(f"{part} {digest}" for part, digest in parts.items()).encode()).hexdigest()


def report_key(harness: str, submission: Submission, seed: int) -> str:
    """What a report is stored under: two gradings with one key give one result."""
    parts = (harness, submission.digest, submission.problem, submission.student, str(seed))
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
