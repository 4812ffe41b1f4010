"""Tells people of one name apart, by the number that a learning-management system gives each of them.

Moodle's numbers are an assignment's own, so which student's folder is whose is noted for each assignment.
"""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from autograder.course.files import write_whole


def read_people(path: Path, assignment: str) -> dict[str, str]:
    """The person whose work each student's folder holds, as noted by `note_people`; empty when nothing is noted."""
    noted = _noted(path).get(assignment)
    return {str(student): str(person) for student, person in noted.items()} if isinstance(noted, dict) else {}


def note_people(path: Path, assignment: str, people: Mapping[str, str]) -> None:
    """Note whose work students' folders hold, beside what is noted. Raises ``OSError``."""
    everything = _noted(path)
    now = {**read_people(path, assignment), **people}
    if everything.get(assignment) != now:
        write_whole(path, json.dumps({**everything, assignment: now}, indent=1, sort_keys=True) + "\n")


def _noted(path: Path) -> dict[str, Any]:
    try:
        noted = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        noted = {}
    return noted if isinstance(noted, dict) else {}  # one that is damaged is written anew


def folder_name(student: str, person: str, namesakes: Collection[str], noted: Mapping[str, str]) -> str:
    """What the folder of ``person`` is called, whom a system calls ``student`` as it does all ``namesakes``.

    It stays what it was; else it is the name alone, where nobody else has or had it.
    """
    numbered = f"{student}_{person}"
    if noted.get(student) == person or not person:
        return student
    if noted.get(numbered) == person or len(namesakes) > 1 or student in noted:
        return numbered
    return student
