"""Stands where nbgrader executes a notebook: the submission is graded in the jail, its result written to its cells."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.course.assignment import Assignment, find_root, load_assignment, reference_sources
from autograder.course.report import Report
from autograder.course.submission import Cell, read_submission
from autograder.course.verdict import Verdict
from autograder.grading.grader import Grader
from autograder.nbgrader import feedback_page
from autograder.nbgrader.exporter import own_cell

_at_hand: dict[str, Report] = {}


@contextlib.contextmanager
def grades_at_hand(reports: Mapping[str, Report]) -> Iterator[None]:
    """Meanwhile take the reports of these students as they are, and read no submission to look for its own."""
    _at_hand.update(reports)
    try:
        yield
    finally:
        _at_hand.clear()


_assignment = functools.lru_cache(maxsize=1)(load_assignment)  # its manifest is read once a run, not once a student


@functools.lru_cache(maxsize=1)  # it reads the whole harness for its digest, once a run
def _grader(root: Path, name: str) -> Grader:
    return Grader(_assignment(root, name))


class JailedExecute(NbGraderPreprocessor):
    """Replaces nbgrader's ``Execute``: no code of the submission runs in this process or in a kernel beside it.

    Each graded code cell gets two outputs: the result as a student reads it, and its score as the number from which
    nbgrader's ``SaveAutoGrades`` takes partial credit.
    """

    def preprocess(
        self, nb: nbformat.NotebookNode, resources: dict[str, Any]
    ) -> tuple[nbformat.NotebookNode, dict[str, Any]]:
        """Write the report's results into the outputs of ``nb``, which is the canonical notebook of a submission."""
        told = resources["nbgrader"]
        root, name, student = find_root(Path.cwd()), told["assignment"], told["student"]
        report = _at_hand.get(student) or _graded(root, name, student)
        if report.verdict is Verdict.FAULT:
            raise RuntimeError(f"{report.student} was not graded: {'; '.join(report.remarks)}")
        titles = {exercise: about.title for exercise, about in _assignment(root, name).exercises.items()}
        write_outputs(nb, report, titles)
        if report.review:
            nb.cells.insert(0, own_cell(Cell("markdown", feedback_page.review_html(report.review)), "review", nb))
        add_rubrics(nb, _assignment(root, name))
        return nb, resources


class WithoutRubrics(NbGraderPreprocessor):
    """Takes out of a graded notebook what is for graders alone, before nbgrader makes a student's page of it."""

    def preprocess(
        self, nb: nbformat.NotebookNode, resources: dict[str, Any]
    ) -> tuple[nbformat.NotebookNode, dict[str, Any]]:
        """Leave out the cells that `add_rubrics` added."""
        nb.cells = [cell for cell in nb.cells if RUBRIC not in cell.metadata.get("tags", [])]
        return nb, resources


RUBRIC = "rubric"


def add_rubrics(nb: nbformat.NotebookNode, assignment: Assignment) -> None:
    """Put below each written answer the author's own, which says what earns which points, for the person who grades."""
    rubrics = reference_sources(assignment)
    shown = []
    for cell in nb.cells:
        shown.append(cell)
        question = cell.metadata.get("nbgrader", {}).get("grade_id")
        if question in rubrics and question not in assignment.exercises:
            text = f"> **For the person who grades; students do not see this.**\n\n{rubrics[question].strip()}"
            rubric = own_cell(Cell("markdown", text), f"rubric-{question}"[:64], nb)
            rubric.metadata.tags = [RUBRIC]
            shown.append(rubric)
    nb.cells = shown


def _graded(root: Path, name: str, student: str) -> Report:
    return _grader(root, name).grade_one(read_submission(root / "submitted" / student / name, student, name))


def write_outputs(nb: nbformat.NotebookNode, report: Report, titles: Mapping[str, str]) -> None:
    """Give the graded cells of ``nb`` their results, and its other code cells no output.

    ``titles`` are those of the exercises, by name.
    """
    results = {f"check-{result.name}": result for result in report.exercises}
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        result = results.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
        if result is None:
            continue
        title = titles[result.name]
        shown = {
            "text/html": feedback_page.summary_html(result, title),
            "text/plain": feedback_page.summary_text(result, title),
        }
        score = {"text/plain": repr(result.score)}
        # As nbformat.v4.new_output makes them, which holds each against the schema; the whole notebook is, in the end.
        cell.outputs = [
            nbformat.from_dict({"output_type": "display_data", "metadata": {}, "data": shown}),
            nbformat.from_dict({"output_type": "execute_result", "metadata": {}, "data": score, "execution_count": 1}),
        ]
