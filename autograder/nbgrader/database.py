"""Opens the gradebook, nbgrader's SQLite file, and says in one sentence what is wrong with one that cannot be used.

Nothing here changes a damaged file or removes one.
"""

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path

from nbgrader.api import Gradebook
from sqlalchemy.exc import SAWarning, SQLAlchemyError

from autograder.course import files, places
from autograder.course.errors import AssignmentError
from autograder.nbgrader.config import gradebook_url
from autograder.nbgrader.soundness import damage


class GradebookError(AssignmentError):
    """Something that nbgrader or its gradebook would not do, in a sentence."""


@contextlib.contextmanager
def open_gradebook(root: Path) -> Iterator[Gradebook]:
    """The gradebook of a course, made if there is none. Raises `GradebookError` when it cannot be used."""
    require_sound(root)
    try:
        make_gradebook(root)
        with Gradebook(gradebook_url(root)) as gradebook, warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader's own way of making a submission
            yield gradebook
    except SQLAlchemyError as error:
        raise GradebookError(in_words(root, error)) from error


def make_gradebook(root: Path) -> None:
    """Make an empty gradebook if there is none: whole or not at all, for nbgrader takes a part of one for a whole one.

    Raises `SQLAlchemyError` and `OSError`.
    """
    if not (root / places.GRADEBOOK).exists():
        with files.whole(root / places.GRADEBOOK, replace=False) as new:
            Gradebook(f"sqlite:///{new}").close()


def require_sound(root: Path) -> None:
    """Raise `GradebookError` for a gradebook that is damaged; one that does not exist yet is sound."""
    path = root / places.GRADEBOOK
    if path.exists() and (problem := damage(path)):
        raise GradebookError(_damaged(root, problem))


def in_words(root: Path, error: Exception) -> str:
    """What a database error says, in one sentence with the way out."""
    why = str(getattr(error, "orig", None) or error).splitlines()[0]
    path = root / places.GRADEBOOK
    if "locked" in why:
        return (
            f"{path} is in use by another program ({why}); wait until that has ended, or close it (formgrader, "
            "another run), and run the same command again"
        )
    if "readonly" in why or "unable to open" in why:
        return f"{path} cannot be written ({why}); make it and its folder writable and run the same command again"
    if "full" in why or "disk I/O" in why:
        return f"{path} could not be written ({why}); make room and run the same command again: nothing was lost"
    if "no such column" in why or "no such table" in why:
        return (
            f"{path} was made by another version of nbgrader ({why}); run `autograder backup`, "
            "then `nbgrader db upgrade`"
        )
    return _damaged(root, why)


def _damaged(root: Path, why: str) -> str:
    backups = sorted((root / places.BACKUPS).glob("*.zip"))
    way_out = (
        f"`autograder restore` puts {backups[-1].relative_to(root)} back, with its scores by hand, "
        "and `autograder grade <assignment>` then adds what was graded since"
        if backups
        else "there is no backup of it, so move the file away and run `autograder grade <assignment>`: "
        "that makes it anew from the reports, without scores and comments by hand"
    )
    return f"{root / places.GRADEBOOK} is damaged ({why}); {way_out}"
