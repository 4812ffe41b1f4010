"""Turns what a student handed in into the notebook that nbgrader's converters work on.

That notebook has every cell of the release, once, with the author's text where it is locked and the student's where it
is not, and the student's further cells between them. Copied, renamed, deleted or edited cells never reach nbgrader.
"""

import copy
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters import NotebookExporter

from autograder.course.assignment import Assignment, find_root, load_assignment
from autograder.course.submission import Cell, Submission, read_submission
from autograder.course.written import written_answers


class SubmissionExporter(NotebookExporter):
    """nbgrader's exporter for ``autograde``: reads submissions as untrusted files, and its own files as they are."""

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kwargs: Any
    ) -> tuple[str, dict[str, Any]]:
        """Export one notebook; one that cannot be read becomes the untouched release, so that nobody's run stops."""
        root = find_root(Path.cwd())
        path = Path(filename).absolute()
        told = (resources or {}).get("nbgrader", {})
        if not path.is_relative_to(root / "submitted") or told.get("notebook") != told.get("assignment"):
            return super().from_filename(filename, resources=resources, **kwargs)
        assignment = load_assignment(root, told["assignment"])
        submission = read_submission(path.parent, told["student"], assignment.name)
        return self.from_notebook_node(canonical(assignment, submission), resources=resources, **kwargs)


def canonical(assignment: Assignment, submission: Submission) -> nbformat.NotebookNode:
    """The submission in the shape of the release."""
    notebook = copy.deepcopy(assignment.released_notebook)
    if submission.problem:
        text = f"**This submission could not be graded.** {submission.problem}"
        notebook.cells.insert(0, own_cell(Cell("markdown", _quoted(text)), "problem", notebook))
        return notebook
    released = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    taken = _solutions(released, submission)
    answers = written_answers(notebook.cells, submission)
    shown = {place for answer in answers.values() for place in answer.cells}
    known = {cell.source.strip() for cell in notebook.cells}
    after: dict[str, list[nbformat.NotebookNode]] = {}
    anchor = ""
    for number, cell in enumerate(submission.cells, 1):
        if cell.grade_id in released:
            anchor = cell.grade_id
        if (
            cell.source.strip()
            and cell.source.strip() not in known
            and number - 1 not in shown
            and not any(cell is mine for mine in taken.values())
        ):
            # Named by its place, so that the same submission makes the same notebook.
            after.setdefault(anchor, []).append(own_cell(cell, f"submitted-{number}", notebook))
    cells = after.get("", [])
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if grade_id in taken:
            cell.source = taken[grade_id].source
        elif grade_id in answers:
            answer = answers[grade_id]
            doubt = f"*Not certain to be the answer: {answer.doubt}.*\n\n" if answer.doubt else ""
            cell.source = doubt + answer.text
        cells.append(cell)
        cells += after.get(grade_id, []) if grade_id else []
    notebook.cells = cells
    return notebook


def _solutions(released: dict[str, nbformat.NotebookNode], submission: Submission) -> dict[str, Cell]:
    """For each code cell that a student may fill in, the submitted cell that does: by what it defines, then by name."""
    taken: dict[str, Cell] = {}
    code = [cell for cell in submission.cells if cell.kind == "code"]
    for grade_id, cell in released.items():
        marks = cell.metadata.nbgrader
        if cell.cell_type != "code" or marks.get("locked") or not marks.get("solution"):
            continue
        named = [c for c in code if c.grade_id == grade_id]
        defining = [c for c in code if c.defines(grade_id)]
        fitting = [c for c in named if c in defining] or defining[-1:] or named
        if fitting:
            taken[grade_id] = fitting[-1]
    return taken


def own_cell(cell: Cell, name: str, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A cell that the release does not have, for ``notebook``."""
    make = nbformat.v4.new_code_cell if cell.kind == "code" else nbformat.v4.new_markdown_cell
    made = make(cell.source, id=name)
    if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
        del made["id"]  # which older notebooks may not have
    return made


def _quoted(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
