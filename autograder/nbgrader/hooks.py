"""What is done to a submission before nbgrader's own commands touch it, and after."""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from autograder.course import places
from autograder.course.assignment import Assignment, assignment_names, find_root, load_assignment
from autograder.course.submission import timestamp
from autograder.grading.store import Store
from autograder.nbgrader.feedback import write_page
from autograder.nbgrader.gradebook import set_due_date, standings

log = logging.getLogger(__name__)


def before_autograde(assignment: str, student: str, notebooks: list[str], **_: Any) -> None:
    """nbgrader's ``pre_convert_hook``: set aside what nbgrader would follow or trip over, and state the due date.

    nbgrader copies a submission's other files and follows links in doing so; and it stops at a ``timestamp.txt`` that
    holds no date. Both are moved to ``.autograder/set-aside``, so that nothing is lost.
    """
    set_aside_oddities(assignment, student, notebooks)
    root = find_root(Path.cwd())
    for folder in {Path(notebook).absolute().parent for notebook in notebooks}:
        if (root / "solutions" / folder.name).is_dir():
            set_due_date(load_assignment(root, folder.name))


def set_aside_oddities(assignment: str, student: str, notebooks: list[str], **_: Any) -> None:
    """The first half of `before_autograde`."""
    for folder in {Path(notebook).absolute().parent for notebook in notebooks}:
        set_aside(find_root(folder), folder)


def before_feedback(notebooks: list[str], **_: Any) -> None:
    """nbgrader's ``pre_convert_hook`` of feedback: bring the late penalty that it will show up to date."""
    for assignment, student in _submissions(notebooks):
        standings(assignment, student)


def after_feedback(notebooks: list[str], **_: Any) -> None:
    """nbgrader's ``post_convert_hook`` of feedback: our page beside its own."""
    for assignment, student in _submissions(notebooks):
        folder = assignment.root / places.FEEDBACK / student / assignment.name
        for standing in standings(assignment, student).values():
            write_page(assignment, Store(assignment.root), student, standing, folder)


def _submissions(notebooks: list[str]) -> list[tuple[Assignment, str]]:
    """The assignment and student of each notebook, of those that the harness grades."""
    root, folders = find_root(Path.cwd()), dict.fromkeys(Path(notebook).parent for notebook in notebooks)
    known = assignment_names(root)
    return [(load_assignment(root, f.name), f.parent.name) for f in folders if f.name in known]


def set_aside(root: Path, folder: Path) -> list[Path]:
    """Move links, special files and an unusable timestamp out of ``folder``; returns where they went."""
    moved = []
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(parent) / name
            odd = path.is_symlink() or not (path.is_file() or path.is_dir())
            if odd or (path == folder / "timestamp.txt" and timestamp(folder)[1]):
                target = root / places.SET_ASIDE / path.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                shutil.move(path, target)
                log.warning("set aside %s as %s", path, target)
                moved.append(target)
    return moved
