"""Stands where nbgrader executes a notebook: the submission is graded in the jail, its result written to its cells."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder import feedback
from autograder.assignment import find_root, load
from autograder.fleet import Grader
from autograder.report import Report, Verdict
from autograder.submission import read as read_submission

_at_hand: dict[str, Report] = {}


@contextlib.contextmanager
def grades_at_hand(reports: Mapping[str, Report]) -> Iterator[None]:
    """Meanwhile take the reports of these students as they are, and read no submission to look for its own."""
    _at_hand.update(reports)
    try:
        yield
    finally:
        _at_hand.clear()


@functools.lru_cache(maxsize=1)  # it reads the whole harness for its digest, once a run
def _grader(root: Path, name: str) -> Grader:
    return Grader(load(root, name))


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
        report = _at_hand.get(told["student"]) or _graded(told["assignment"], told["student"])
        if report.verdict is Verdict.FAULT:
            raise RuntimeError(f"{report.student} was not graded: {'; '.join(report.remarks)}")
        write_outputs(nb, report)
        return nb, resources


def _graded(name: str, student: str) -> Report:
    grader = _grader(find_root(Path.cwd()), name)
    folder = grader.assignment.root / "submitted" / student / name
    return grader.one(read_submission(folder, student, name))


def write_outputs(nb: nbformat.NotebookNode, report: Report) -> None:
    """Give the graded cells of ``nb`` their results, and its other code cells no output."""
    results = {f"check-{result.name}": result for result in report.exercises}
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        result = results.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
        if result is None:
            continue
        shown = {"text/html": feedback.summary_html(result), "text/plain": feedback.summary_text(result)}
        score = {"text/plain": repr(result.score)}
        # As nbformat.v4.new_output makes them, which holds each against the schema; the whole notebook is, in the end.
        cell.outputs = [
            nbformat.from_dict({"output_type": "display_data", "metadata": {}, "data": shown}),
            nbformat.from_dict({"output_type": "execute_result", "metadata": {}, "data": score, "execution_count": 1}),
        ]
