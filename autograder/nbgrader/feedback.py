"""Brings students' feedback up to date: nbgrader's page and ours, with all that the gradebook says by now.

For each student it is remembered what the pages were made from. Only what has changed since is made again, and what is
no longer there, whoever removed or replaced it.
"""

import functools
import hashlib
import json
import zipfile
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

from autograder.course import files, places
from autograder.course.assignment import Assignment
from autograder.course.hints import FILE as HINTS
from autograder.course.hints import hints_for, read_hints
from autograder.course.report import Report
from autograder.grading import keys
from autograder.grading.local import available_cores, die_with_parent
from autograder.grading.store import Store
from autograder.nbgrader import feedback_page
from autograder.nbgrader.converters import (
    GenerateFeedbackForSome,
    SubmissionError,
    convert,
    course_directory,
)
from autograder.nbgrader.gradebook import standings
from autograder.nbgrader.patches import one_gradebook, pages_made_once
from autograder.nbgrader.standing import Standing

OURS = "report.html"
PACKAGE = Path(__file__).resolve().parents[1]
# What the pages look like and say is made here.
MAKERS = ("pages", "nbgrader", "course/text.py", "course/verdict.py")


@dataclass(frozen=True)
class Feedback:
    """What `bring_up_to_date` did: whose pages it made, and why those of others could not be, in words."""

    standings: dict[str, Standing]
    made: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def bring_up_to_date(
    assignment: Assignment,
    progress: Callable[[str], None] = lambda student: None,
    expect: Callable[[int], None] = lambda count: None,
) -> Feedback:
    """Make the feedback pages of one assignment that are not up to date; ``progress`` is told of each student.

    ``expect`` is told before how many there are. Raises `GradebookError` when the gradebook cannot be used, `OSError`
    where pages cannot be written.
    """
    store, found = Store(assignment.root), standings(assignment)
    made_from = {student: _made_from(assignment, store, student, found[student]) for student in found}
    known = _remembered(assignment)
    outdated = {s: found[s] for s in found if known.get(s) != [made_from[s], _pages(assignment, s)]}
    failed = {s: _no_report(assignment) for s in outdated if _report(assignment, store, s) is None}
    to_make = {student: standing for student, standing in outdated.items() if student not in failed}
    expect(len(to_make))
    with_notebook = {s: standing for s, standing in to_make.items() if _notebook(assignment, s).is_file()}
    if with_notebook:
        failed |= _make(assignment, with_notebook, progress)
    for student in to_make.keys() - with_notebook.keys():
        progress(student)
        write_page(assignment, store, student, to_make[student], _folder(assignment, student))
    made = [student for student in to_make if student not in failed]
    now = {s: [made_from[s], _pages(assignment, s)] for s in found if s not in failed}
    if now != known:
        files.write_whole(_memory(assignment), json.dumps(now))
    return Feedback(found, made, failed)


def write_page(assignment: Assignment, store: Store, student: str, standing: Standing, folder: Path) -> None:
    """Write our page on a student's latest report into ``folder``; nothing when there is no report."""
    report = _report(assignment, store, student)
    if report is not None:
        hints = hints_for(read_hints(assignment), report)
        page = feedback_page.page(report, assignment.manifest, datetime.now(UTC), standing, hints)
        files.write_whole(folder / OURS, page)


def zip_pages(assignment: Assignment, students: Collection[str]) -> list[Path]:
    """Put each student's pages into one file to upload, ``feedback/<student>/<assignment>.zip``; returns those files.

    Who has no page gets none.
    """
    made = []
    for student in students:
        folder = _folder(assignment, student)
        pages = [page for page in (folder / OURS, folder / f"{assignment.name}.html") if page.is_file()]
        if pages:
            path = folder.with_name(f"{assignment.name}.zip")
            with files.whole(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
                for page in pages:
                    archive.write(page, page.name)
            made.append(path)
    return made


def _make(assignment: Assignment, students: Mapping[str, Standing], progress: Callable[[str], None]) -> dict[str, str]:
    """Make both pages of some students on all cores; they only read the gradebook. Returns whose failed, and why."""
    names, cores = list(students), available_cores()
    # Two shares a core: each opens the gradebook anew, which takes as long as some pages.
    shares = [{s: students[s] for s in names[first :: 2 * cores]} for first in range(min(2 * cores, len(names)))]
    failed: dict[str, str] = {}
    left = dict(students)
    # Forked from here, where all is imported and, by now, no thread but this one runs.
    with ProcessPoolExecutor(cores, get_context("fork"), die_with_parent) as pool:
        try:
            for share, refused in zip(
                shares, pool.map(functools.partial(_make_share, assignment), shares), strict=True
            ):
                failed |= refused
                for student in share:
                    progress(student)
                    del left[student]
        except BrokenProcessPool:  # one was killed: its pages, and those that wait, are made here
            failed |= _make_share(assignment, left)
            for student in left:
                progress(student)
    return failed


def _make_share(assignment: Assignment, students: Mapping[str, Standing]) -> dict[str, str]:
    store, left = Store(assignment.root), dict.fromkeys(students)

    def settle(student: str, folder: Path) -> None:
        write_page(assignment, store, student, students[student], folder)

    try:
        with one_gradebook(assignment.root), pages_made_once():
            course = course_directory(assignment.root, assignment.name)
            convert(GenerateFeedbackForSome, course, force=True, students=list(students), settle=settle, done=left.pop)
    except SubmissionError as error:
        return dict.fromkeys(left, str(error))
    return {}


# --- what pages are made from, and what is remembered of that -----------------------------------------------------


def _made_from(assignment: Assignment, store: Store, student: str, standing: Standing) -> str:
    latest = store.latest(assignment.name, student)
    parts = [
        _makers(),
        keys.display_digest(assignment),
        latest.key if latest else "",
        asdict(standing),
        _about(_notebook(assignment, student)),
        _about(assignment.source / HINTS),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@functools.cache
def _makers() -> str:
    digest = hashlib.sha256()
    for place in MAKERS:
        path = PACKAGE / place
        for file in sorted(path.rglob("*.*") if path.is_dir() else [path]):
            if file.suffix in (".py", ".html", ".css"):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _pages(assignment: Assignment, student: str) -> list[object]:
    folder = _folder(assignment, student)
    return [_about(folder / OURS), _about(folder / f"{assignment.name}.html")]


def _about(path: Path) -> list[int]:
    """What changes when somebody writes a file, and is empty where there is none."""
    try:
        about = path.stat()
    except OSError:
        return []
    return [about.st_size, about.st_mtime_ns]


def _remembered(assignment: Assignment) -> dict[str, list[object]]:
    try:
        known = json.loads(_memory(assignment).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _memory(assignment: Assignment) -> Path:
    return assignment.root / places.PAGES / f"{assignment.name}.json"


def _report(assignment: Assignment, store: Store, student: str) -> Report | None:
    latest = store.latest(assignment.name, student)
    return store.get(latest.key) if latest else None


def _no_report(assignment: Assignment) -> str:
    return f"there is no report of this submission any more; run `autograder grade {assignment.name}`"


def _notebook(assignment: Assignment, student: str) -> Path:
    return assignment.root / "autograded" / student / assignment.name / f"{assignment.name}.ipynb"


def _folder(assignment: Assignment, student: str) -> Path:
    return assignment.root / places.FEEDBACK / student / assignment.name
