"""Makes the skeleton of an assignment: a small whole one, which validates, to be replaced piece by piece.

Its files are those that CONTRIBUTING.md explains one by one, kept in ``skeleton_files/``, folders written as ``@``, for
what is called hidden goes into no wheel (`tests/test_author_guide.py` holds the two against each other).
"""

import re
from pathlib import Path

from autograder.course import files
from autograder.course.errors import AssignmentError

FILES = Path(__file__).with_name("skeleton_files")
EXAMPLE = "b1"  # what the assignment is called there
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def make(root: Path, name: str) -> Path:
    """Write ``solutions/<name>``, whole or not at all, and return it.

    Raises `AssignmentError` for a name that is taken or none for an assignment.
    """
    if not _NAME.fullmatch(name):
        raise AssignmentError(
            f"{name!r} cannot be an assignment's name; use small letters, digits and single hyphens, as in a2-budgets"
        )
    place = root / "solutions" / name
    if place.exists():
        raise AssignmentError(f"{place} is there already; choose another name")
    place.parent.mkdir(exist_ok=True)
    with files.scratch(place.parent) as folder:
        for path in sorted(FILES.glob("*.txt")):
            inside = Path(path.stem.replace("@", "/"))
            to = folder / name / inside.with_name(f"{name}.ipynb" if inside.suffix == ".ipynb" else inside.name)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(path.read_text(encoding="utf-8").replace(f"`{EXAMPLE}`", f"`{name}`"), encoding="utf-8")
        (folder / name).rename(place)
    return place
