"""Proves an assignment: that its parts agree, that right solutions earn everything, and that wrong ones do not."""

import ast
import filecmp
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from autograder.course.assignment import AUTHORS_ONLY, SOLUTION_MARKS, Assignment, reference_sources
from autograder.course.errors import AssignmentError
from autograder.course.report import Report
from autograder.course.submission import Cell, Submission
from autograder.course.verdict import Verdict
from autograder.grading.executor import Executor
from autograder.grading.local import LocalExecutor
from autograder.grading.task import Task

SEED = 20_250_101


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and each way in which it is not as it should be."""

    title: str
    problems: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong."""
        return not self.problems


def validate(
    assignment: Assignment, executor: Executor | None = None, progress: Callable[[Check], None] = lambda _: None
) -> list[Check]:
    """Make every check of one assignment. Raises `AssignmentError` when its files cannot be read at all."""
    checks: list[Check] = []

    def add(title: str, problems: Iterator[str] | list[str]) -> None:
        checks.append(Check(title, tuple(problems)))
        progress(checks[-1])

    for title, problems in static_checks(assignment).items():
        add(title, problems)
    if not all(check.holds for check in checks):
        return checks
    tasks = _tasks(assignment)
    reports: dict[str, Report] = {}
    (executor or LocalExecutor()).run_tasks(
        assignment,
        [task for task, _ in tasks.values()],
        lambda task, report: reports.__setitem__(task.submission.student, report),
    )
    for title in dict.fromkeys(wanted.title for _, wanted in tasks.values()):
        problems = [
            problem
            for name, (_, wanted) in tasks.items()
            if wanted.title == title
            for problem in wanted.problems(name, reports[name])
        ]
        count = sum(wanted.title == title for _, wanted in tasks.values())
        add(f"{title} ({count})" if count > 1 else title, problems)
    return checks


def static_checks(assignment: Assignment) -> dict[str, Iterator[str]]:
    """The checks for which nothing is graded: each one's title, and what is wrong, found as it is asked for."""
    return {
        "the notebook has the cells and points that the manifest states": _cells(assignment),
        "every exercise has a visible and a hidden suite": _suites(assignment),
        "assignments/ is what solutions/ generates": _release(assignment),
        "no line of a solution or hidden suite is in what students get": _leaks(assignment),
    }


@dataclass(frozen=True)
class _Wanted:
    title: str
    verdicts: dict[str, Verdict]
    whole: bool = False

    def problems(self, name: str, report: Report) -> Iterator[str]:
        for result in report.exercises:
            verdict = self.verdicts[result.name]
            if result.verdict is not verdict:
                failed = next((t for t in result.tests if t.verdict is not Verdict.PASSED), None)
                detail = f" ({failed.name}: {failed.detail})" if failed else ""
                remarks = f" ({'; '.join(report.remarks)})" if report.remarks else ""
                yield f"{name}: {result.name} got {result.verdict}, not {verdict}{detail}{remarks}"
            elif self.whole and result.score != result.max_score * (verdict is Verdict.PASSED):
                yield f"{name}: {result.name} earned {result.score:g} of {result.max_score:g} points"


def _tasks(assignment: Assignment) -> dict[str, tuple[Task, _Wanted]]:
    tasks: dict[str, tuple[Task, _Wanted]] = {}

    def add(name: str, cells: tuple[Cell, ...], wanted: _Wanted) -> None:
        submission = Submission(name, assignment.name, assignment.source, cells, digest=name)
        only = frozenset(wanted.verdicts)
        tasks[name] = (Task(submission, SEED, f"{name}", only), wanted)

    everything = dict.fromkeys(assignment.exercises, Verdict.PASSED)
    reference = tuple(Cell("code", source, name) for name, source in reference_sources(assignment).items())
    add("reference solution", reference, _Wanted("the reference solution earns everything", everything, True))
    released = tuple(
        Cell(cell.cell_type, cell.source, cell.metadata.get("nbgrader", {}).get("grade_id"))
        for cell in assignment.released_notebook.cells
    )
    nothing = dict.fromkeys(assignment.exercises, Verdict.MISSING)
    add("untouched release", released, _Wanted("the untouched release earns nothing", nothing, True))
    for path in sorted((assignment.source / "variants" / "correct").glob("*.py")):
        verdicts = dict.fromkeys(_constant(path, "SOLVES"), Verdict.PASSED)
        add(f"correct/{path.name}", (_code(path),), _Wanted("every correct variant passes", verdicts, True))
    for path in sorted((assignment.source / "variants" / "wrong").glob("*.py")):
        verdicts = {name: Verdict(verdict) for name, verdict in _constant(path, "FAILS").items()}
        add(f"wrong/{path.name}", (_code(path),), _Wanted("every known-wrong variant fails as stated", verdicts))
    return tasks


def _code(path: Path) -> Cell:
    return Cell("code", path.read_text())


def _constant(path: Path, name: str) -> dict[str, str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            return ast.literal_eval(node.value)
    raise AssignmentError(f"{path} does not say {name} = …; every variant states which exercises it is about")


# --- parts that agree ---------------------------------------------------------------------------------------------


def _cells(assignment: Assignment) -> Iterator[str]:
    marks = {}
    for cell in assignment.notebook.cells:
        about = cell.metadata.get("nbgrader")
        if about and about["grade_id"] in marks:
            yield f"the grade_id {about['grade_id']} is used twice"
        if about:
            marks[about["grade_id"]] = (about, cell)
    for name, exercise in assignment.exercises.items():
        solution, check = marks.pop(name, None), marks.pop(f"check-{name}", None)
        if solution is None or not solution[0]["solution"] or solution[0]["grade"]:
            yield f"{name}: there is no solution cell with grade_id {name}"
        if check is None or not check[0]["grade"] or not check[0]["locked"]:
            yield f"{name}: there is no locked graded cell with grade_id check-{name}"
            continue
        if check[0]["points"] != exercise.points:
            yield f"{name}: the notebook gives {check[0]['points']} points, the manifest {exercise.points:g}"
        if check[1].source.strip() != f'check("{name}")':
            yield f'{name}: the cell check-{name} should say check("{name}") and nothing else'
    for name, exercise in assignment.written.items():
        cell = marks.pop(name, None)
        if cell is None or not (cell[0]["grade"] and cell[0]["solution"]):
            yield f"{name}: there is no manually graded cell with grade_id {name}"
        elif cell[0]["points"] != exercise.points:
            yield f"{name}: the notebook gives {cell[0]['points']} points, the manifest {exercise.points:g}"
    for name, (about, _) in marks.items():
        if about["grade"] or about["solution"]:
            yield f"the cell {name} is graded or a solution, and the manifest has no such exercise"


def _suites(assignment: Assignment) -> Iterator[str]:
    for name, exercise in assignment.exercises.items():
        for path in (assignment.source / "tests" / f"test_{name}.py", assignment.hidden / f"test_{name}.py"):
            where = path.relative_to(assignment.root)
            if not path.is_file():
                yield f"{name}: {where} does not exist"
                continue
            tests = [
                node
                for node in ast.parse(path.read_text()).body
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
            ]
            if not tests:
                yield f"{name}: {where} holds no test"
            for test in tests:
                if not ast.get_docstring(test):
                    yield f"{name}: {where}: {test.name} has no docstring, which is what a student reads"
            gates = [t for t in tests if any("gate" in ast.unparse(d) for d in t.decorator_list)]
            if exercise.loop_free and not gates:
                yield f"{name}: the manifest says loop_free, and {where} has no gate that measures it"


def _release(assignment: Assignment) -> Iterator[str]:
    # Imported here: nbgrader takes a second to import, and only this check needs it.
    from autograder.nbgrader import release

    with tempfile.TemporaryDirectory() as folder:
        release.release(assignment, Path(folder))
        fresh = Path(folder) / assignment.name
        for path in sorted(p.relative_to(fresh) for p in fresh.rglob("*") if p.is_file()):
            if not (assignment.release / path).is_file():
                yield f"assignments/{assignment.name}/{path} is missing; run `autograder release {assignment.name}`"
            elif not filecmp.cmp(fresh / path, assignment.release / path, shallow=False):
                yield f"assignments/{assignment.name}/{path} is stale; run `autograder release {assignment.name}`"
        for path in sorted(p.relative_to(assignment.release) for p in assignment.release.rglob("*") if p.is_file()):
            if (
                not (fresh / path).is_file()
                and "__pycache__" not in path.parts
                and path.parts[0] != ".ipynb_checkpoints"
            ):
                yield f"assignments/{assignment.name}/{path} does not come from solutions/; remove it"


def _leaks(assignment: Assignment) -> Iterator[str]:
    public = {
        path: path.read_text(errors="replace")
        for path in assignment.release.rglob("*")
        if path.is_file() and path.suffix in (".ipynb", ".py", ".toml", ".md", ".txt")
    }
    for path in assignment.release.rglob("*"):
        if path.relative_to(assignment.release).parts[0] in AUTHORS_ONLY:
            yield f"{path.relative_to(assignment.root)} is for authors alone; remove it"
    secret = dict.fromkeys(_solution_lines(assignment), "a solution")
    visible = set(_test_bodies(assignment.source / "tests"))
    for body in _test_bodies(assignment.hidden):
        if body in visible:
            yield "a hidden test is word for word a visible one"
    hidden = {line for path in assignment.hidden.glob("test_*.py") for line in _telling(path.read_text().splitlines())}
    shown = {line for path in assignment.source.rglob("tests/*.py") for line in _telling(path.read_text().splitlines())}
    secret |= dict.fromkeys(hidden - shown, "a hidden suite")
    for path, text in public.items():
        for line, kind in secret.items():
            if line in text or line.replace('"', '\\"') in text:
                yield f"{path.relative_to(assignment.root)} holds this line of {kind}: {line}"
        if any(mark in text for mark in SOLUTION_MARKS):
            yield f"{path.relative_to(assignment.root)} holds nbgrader's solution markers"


def _solution_lines(assignment: Assignment) -> list[str]:
    lines, inside = [], False
    for cell in assignment.notebook.cells:
        for line in cell.source.splitlines():
            if line.strip() in SOLUTION_MARKS:
                inside = line.strip() == SOLUTION_MARKS[0]
            elif inside:
                lines.append(line)
    return _telling(lines)


def _telling(lines: list[str]) -> list[str]:
    """Lines long enough that finding one elsewhere is no coincidence."""
    return [
        line.strip() for line in lines if len(line.strip()) >= 30 and not line.strip().startswith(("import", "from"))
    ]


def _test_bodies(folder: Path) -> list[str]:
    return [
        ast.unparse(ast.Module(node.body[1:], []))
        for path in sorted(folder.glob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
    ]
