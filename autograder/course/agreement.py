"""Whether the parts of an assignment agree, found by reading them alone: nothing of them is run.

Each function gives a sentence for each thing that is not as it should be. `autograder validate` begins with them, and
`autograder release` writes nothing while there is one.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from autograder.course.assignment import AUTHORS_ONLY, HIDDEN, SOLUTION_MARKS, VISIBLE, Assignment
from autograder.course.errors import AssignmentError
from autograder.course.manifest import Exercise

METADATA = "grade_id, schema_version 3, and grade, locked and solution (each true or false)"


def notebook_problems(assignment: Assignment) -> Iterator[str]:
    """Where the author's notebook has not the cells and points that the manifest states, or nbgrader would refuse it.

    Raises `AssignmentError` when the notebook cannot be read.
    """
    marked: dict[str, nbformat.NotebookNode] = {}
    for number, cell in enumerate(assignment.notebook.cells, 1):
        yield from _cell_problems(number, cell)
        if (name := _about(cell).get("grade_id")) in marked:
            yield f"the grade_id {name} is used twice; give one of the two cells another"
        elif name:
            marked[name] = cell
    for name, exercise in assignment.exercises.items():
        solution, check = marked.pop(name, None), marked.pop(f"check-{name}", None)
        if solution is None or not _about(solution).get("solution") or _about(solution).get("grade"):
            yield f"{name}: there is no solution cell with grade_id {name}"
        elif not any(mark in solution.source for mark in SOLUTION_MARKS):
            yield f"{name}: its solution should stand between {SOLUTION_MARKS[0]} and {SOLUTION_MARKS[1]}"
        if check is None or not _about(check).get("grade") or not _about(check).get("locked"):
            yield f"{name}: there is no locked graded cell with grade_id check-{name}"
            continue
        yield from _points_problems(name, check, exercise)
        if check.source.strip() != f'check("{name}")':
            yield f'{name}: the cell check-{name} should say check("{name}") and nothing else'
    for name, exercise in assignment.written.items():
        cell = marked.pop(name, None)
        if cell is None or not (_about(cell).get("grade") and _about(cell).get("solution")):
            yield f"{name}: there is no manually graded cell with grade_id {name}"
        else:
            yield from _points_problems(name, cell, exercise)
    for name, cell in marked.items():
        if _about(cell).get("grade") or _about(cell).get("solution"):
            yield f"the cell {name} is graded or a solution, and the manifest has no such exercise"


def _about(cell: nbformat.NotebookNode) -> dict[str, Any]:
    """What nbgrader's metadata say of a cell; empty when there are none."""
    return cell.metadata.get("nbgrader") or {}


def _points_problems(name: str, cell: nbformat.NotebookNode, exercise: Exercise) -> Iterator[str]:
    points = _about(cell).get("points")
    if points != exercise.points:
        given = "no points" if points is None else f"{points:g} points"
        yield f"{name}: the notebook gives {given}, the manifest {exercise.points:g}"


def _cell_problems(number: int, cell: nbformat.NotebookNode) -> Iterator[str]:
    """What nbgrader would say of one cell, in a sentence each."""
    about = _about(cell)
    where = f"cell {number}" + (f" ({about['grade_id']})" if about.get("grade_id") else "")
    kinds = [about.get(key) for key in ("grade", "locked", "solution")]
    if about and not (all(isinstance(kind, bool) for kind in kinds) and about.get("schema_version") == 3):
        yield f"{where}: its nbgrader metadata should have {METADATA}, and points where grade is true"
    elif any(kinds) and not about.get("grade_id"):
        yield f"{where}: its nbgrader metadata lacks a grade_id"
    marks = [line.strip() for line in cell.source.splitlines() if line.strip() in SOLUTION_MARKS]
    if marks != list(SOLUTION_MARKS) * (len(marks) // 2):
        yield f"{where}: {SOLUTION_MARKS[0]} and {SOLUTION_MARKS[1]} should follow each other in pairs"
    if marks and not about.get("solution"):
        yield f"{where}: it holds a solution, and its nbgrader metadata do not say that it is one"


def suite_problems(assignment: Assignment) -> Iterator[str]:
    """Where a suite is missing, is not Python, or has tests that a student or a gate could not do with."""
    for name, exercise in assignment.exercises.items():
        for folder in (VISIBLE, HIDDEN):
            path = assignment.source / folder / f"test_{name}.py"
            where = path.relative_to(assignment.root)
            if not path.is_file():
                yield f"{name}: {where} does not exist"
                continue
            try:
                tests = _tests(path, assignment.root)
            except AssignmentError as error:
                yield f"{name}: {error}"
                continue
            if not tests:
                yield f"{name}: {where} holds no test"
            for test in tests:
                if not ast.get_docstring(test):
                    yield f"{name}: {where}: {test.name} has no docstring, which is what a student reads"
            gates = [test for test in tests if any("gate" in ast.unparse(mark) for mark in test.decorator_list)]
            if exercise.loop_free and not gates:
                yield f"{name}: the manifest says loop_free, and {where} has no gate that measures it"
    for folder in (VISIBLE, HIDDEN):
        for path in sorted((assignment.source / folder).glob("test_*.py")):
            if path.stem.removeprefix("test_") not in assignment.exercises:
                yield f"{path.relative_to(assignment.root)} is a suite of no exercise; the manifest does not name it"


def leaks(assignment: Assignment, released: Path) -> Iterator[str]:
    """What is in the folder ``released`` that students may not get: lines of solutions and hidden suites.

    The suites have to be Python; `suite_problems` says which are not.
    """
    shown = assignment.release.relative_to(assignment.root)
    files = [path for path in sorted(released.rglob("*")) if path.is_file()]
    for path in sorted(released.glob("*")):
        if path.name in AUTHORS_ONLY:
            yield f"{shown / path.name} is for authors alone; remove it"
    visible = set(_test_bodies(assignment, VISIBLE))
    if visible & set(_test_bodies(assignment, HIDDEN)):
        yield "a hidden test is word for word a visible one"
    hidden = {line for path in assignment.hidden.glob("test_*.py") for line in _telling(path.read_text())}
    known = {line for path in assignment.source.rglob(f"{VISIBLE}/*.py") for line in _telling(path.read_text())}
    secret = dict.fromkeys(_solution_lines(assignment), "a solution") | dict.fromkeys(hidden - known, "a hidden suite")
    for path in files:
        if path.suffix not in (".ipynb", ".py", ".toml", ".md", ".txt"):
            continue
        text, where = path.read_text(errors="replace"), shown / path.relative_to(released)
        for line, kind in secret.items():
            if line in text or line.replace('"', '\\"') in text:
                yield f"{where} holds this line of {kind}: {line}"
        if any(mark in text for mark in SOLUTION_MARKS):
            yield f"{where} holds nbgrader's solution markers"


def parsed(path: Path, root: Path) -> ast.Module:
    """A Python file of the author's, taken apart. Raises `AssignmentError` with the line at which it is not Python."""
    where = path.relative_to(root)
    try:
        return ast.parse(path.read_bytes())
    except SyntaxError as error:
        raise AssignmentError(f"{where}, line {error.lineno}, is not Python: {error.msg}") from None
    except ValueError as error:
        raise AssignmentError(f"{where} is not Python: {error}") from None


def _tests(path: Path, root: Path) -> list[ast.FunctionDef]:
    body = parsed(path, root).body
    return [node for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]


def _test_bodies(assignment: Assignment, folder: str) -> list[str]:
    return [
        ast.unparse(ast.Module(test.body[1:], []))
        for path in sorted((assignment.source / folder).glob("test_*.py"))
        for test in _tests(path, assignment.root)
    ]


def _solution_lines(assignment: Assignment) -> list[str]:
    lines, inside = [], False
    for cell in assignment.notebook.cells:
        for line in cell.source.splitlines():
            if line.strip() in SOLUTION_MARKS:
                inside = line.strip() == SOLUTION_MARKS[0]
            elif inside:
                lines.append(line)
    return _telling("\n".join(lines))


def _telling(text: str) -> list[str]:
    """The lines that are long enough for finding one elsewhere to be no coincidence."""
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if len(line) >= 30 and not line.startswith(("import", "from"))]
