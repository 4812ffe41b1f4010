"""Proves an assignment: that its parts agree, that right solutions earn everything, and that wrong ones do not."""

import filecmp
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.authoring import hinting, pasted, sample_class, student_run, survivors, variants
from autograder.authoring.survivors import Tally
from autograder.course import agreement
from autograder.course.assignment import HIDDEN, VISIBLE, Assignment, reference_sources
from autograder.course.errors import AssignmentError
from autograder.course.report import ExerciseResult, Report
from autograder.course.submission import Cell, Submission
from autograder.course.verdict import Verdict
from autograder.grading.executor import Executor
from autograder.grading.local import LocalExecutor
from autograder.grading.task import Task

SEED = 20_250_101  # of the first draw; the others follow it
# What every suite must give no point for, whatever the exercise is: nothing but right values earns points.
EMPTY = {
    "a function that returns nothing": "return None",
    "a function that returns a text": "return 'no'",
    "a function that refuses everything": "raise ValueError('no')",
}
PASTED = 0.5  # the share of an exercise that nothing earns which a page defines
BY = ((HIDDEN, ""), (VISIBLE, " by the visible suites"))


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, and each way in which it is not as it should be."""

    title: str
    problems: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong."""
        return not self.problems


@dataclass(frozen=True)
class Score:
    """What an exercise got by the hidden suite, and in how many of the draws."""

    verdict: Verdict
    score: float
    draws: int


@dataclass(frozen=True)
class Validation:
    """What was found of one assignment.

    ``scores`` holds by variant, the reference solution and the untouched release among them, and by exercise what it
    got, the most frequent first: one entry, unless it depends on the draw. It is empty where nothing was graded.
    ``mutants`` holds by exercise what its suite finds of them, where they were asked for. ``exercises`` were graded.
    """

    checks: tuple[Check, ...]
    scores: dict[str, dict[str, tuple[Score, ...]]]
    mutants: dict[str, Tally] = field(default_factory=dict)
    exercises: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was wrong."""
        return all(check.holds for check in self.checks)


def validate(
    assignment: Assignment,
    executor: Executor | None = None,
    progress: Callable[[Check], None] = lambda check: None,
    draws: int = 1,
    graded: Callable[[int, int], None] = lambda done, of: None,
    mutants: bool = False,
    exercises: Collection[str] = (),
) -> Validation:
    """Make every check of one assignment, with ``draws`` draws of the hidden suites' inputs, and ``mutants`` or not.

    Where ``exercises`` are named, nothing of the others is graded, and the released notebook is not run.

    What is found by reading is checked first, and nothing is run while any of that does not hold. ``progress`` is told
    of each check, ``graded`` of how many gradings are done. Raises `AssignmentError` when its files cannot be read at
    all.
    """
    checks: list[Check] = []
    asked = tuple(name for name in assignment.exercises if name in exercises or not exercises)

    def add(title: str, problems: Iterable[str]) -> None:
        checks.append(Check(title, tuple(problems)))
        progress(checks[-1])

    for stage in (static_checks, release_checks, import_checks):
        for title, problems in stage(assignment).items():
            add(title, problems)
        if not all(check.holds for check in checks):
            return Validation(tuple(checks), {}, {}, asked)
    candidates = [each.about(asked) for each in _candidates(assignment) if each.about(asked).verdicts]
    reports = _graded(assignment, candidates, executor or LocalExecutor(), draws, graded)
    for title, group in _by_title(candidates).items():
        problems = [problem for each in group for problem in each.problems(reports[each])]
        add(f"{title} ({len(group)})" if len(group) > 1 else title, problems)
    if len(asked) == len(assignment.exercises):
        add(
            "the released notebook, solved, runs from top to bottom with every check green",
            student_run.problems(assignment),
        )
    if all(check.holds for check in checks):  # or a variant that does not fail as stated would be told twice
        wrong = {each.name: each for each in variants.read_variants(assignment) if each.kind == variants.WRONG}
        firsts = (
            (replace(wrong[each.name], verdicts=dict(each.verdicts)), reports[each][0])
            for each in candidates
            if each.name in wrong
        )
        add("hints.json is what the known-wrong variants give", hinting.stale(assignment, firsts))
    tallies: dict[str, Tally] = {}
    if mutants:
        tallies, problems = survivors.tally(assignment, executor or LocalExecutor(), SEED, graded, asked)
        made = sum(each.made for each in tallies.values())
        add(f"every mutant that is wrong is found ({made:,} mutants)", problems)
    hidden = [each for each in candidates if each.suites == HIDDEN and not each.pasted]
    return Validation(tuple(checks), {each.name: each.scores(reports[each]) for each in hidden}, tallies, asked)


def static_checks(assignment: Assignment) -> dict[str, Iterable[str]]:
    """What is found by reading the author's files: each check's title, and its problems, found when they are asked."""
    return {
        "the notebook has the cells and points that the manifest states": agreement.notebook_problems(assignment),
        "every exercise has a visible and a hidden suite": agreement.suite_problems(assignment),
        "every exercise has a correct and a wrong variant": variants.problems(assignment),
    }


def release_checks(assignment: Assignment) -> dict[str, Iterable[str]]:
    """The same of what students get."""
    return {
        "assignments/ is what solutions/ generates": _stale(assignment),
        "no line of a solution or hidden suite is in what students get": agreement.leaks(
            assignment, assignment.release
        ),
    }


def import_checks(assignment: Assignment) -> dict[str, Iterable[str]]:
    """The same of what has to be imported to know."""
    return {"every suite can be imported": _not_imported(assignment)}


# --- what is graded -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Candidate:
    """One solution, by one kind of suites: the check that it belongs to, and the verdict that each exercise must get.

    ``whole`` asks that it earn all points of what passes and none of the rest; a verdict of None may be any. What is
    ``pasted`` from a page says by exercise which definition of the page it is, and must not pass.
    """

    name: str
    title: str
    suites: str
    cells: tuple[Cell, ...]
    verdicts: tuple[tuple[str, Verdict | None], ...]
    whole: bool = False
    pasted: tuple[tuple[str, str], ...] = ()

    def about(self, exercises: Collection[str]) -> "_Candidate":
        return replace(self, verdicts=tuple(each for each in self.verdicts if each[0] in exercises))

    def task(self, assignment: Assignment, seed: int) -> Task:
        submission = Submission(self.name, assignment.name, assignment.source, self.cells, digest=self.name)
        return Task(submission, seed, f"{self.suites} {seed}", frozenset(dict(self.verdicts)), self.suites)

    def scores(self, reports: Sequence[Report]) -> dict[str, tuple[Score, ...]]:
        found = {}
        for name, _ in self.verdicts:
            results = [report.exercise(name) for report in reports]
            counts = Counter((result.verdict, result.score) for result in results)
            found[name] = tuple(Score(*what, draws) for what, draws in counts.most_common())
        return found

    def problems(self, reports: Sequence[Report]) -> Iterator[str]:
        for name, wanted in self.verdicts:
            results = [report.exercise(name) for report in reports]
            got, *others = self.scores(reports)[name]
            if self.pasted:
                if got.score >= PASTED * results[0].max_score:
                    share, of = got.score / results[0].max_score, dict(self.pasted)[name]
                    yield f"{self.name}: {of}, pasted in, earns {share:.0%} of {name}; ask for more"
            elif others:
                yield f"{self.name}: {name} depends on the draw: {_shares((got, *others), results)}"
            elif wanted is not None and got.verdict is not wanted:
                failed = next((t for t in results[0].tests if t.verdict is not Verdict.PASSED), None)
                detail = f" ({failed.name}: {failed.detail})" if failed else ""
                remarks = f" ({'; '.join(reports[0].remarks)})" if reports[0].remarks else ""
                yield f"{self.name}: {name} got {got.verdict}, not {wanted}{detail}{remarks}"
            elif self.whole and got.score != results[0].max_score * (wanted is Verdict.PASSED):
                passed = [test.name for test in results[0].tests if test.verdict is Verdict.PASSED and not test.gate]
                by = f", by {', '.join(passed)}" if passed and wanted is not Verdict.PASSED else ""
                yield f"{self.name}: {name} earned {got.score:g} of {results[0].max_score:g} points{by}"


def _shares(scores: Sequence[Score], results: Sequence[ExerciseResult]) -> str:
    """Which scores an exercise got in how many draws, and which of its tests pass in some of them alone."""
    total = len(results)
    each = [f"{score.verdict} and {score.score:g} points in {score.draws} of {total} draws" for score in scores]
    passes = Counter(test.name for result in results for test in result.tests if test.verdict is Verdict.PASSED)
    tests = [f"{name} passes in {count}" for name, count in passes.items() if count < total]
    return ", ".join(each) + (f" ({', '.join(tests)})" if tests else "")


def _candidates(assignment: Assignment) -> list[_Candidate]:
    reference = tuple(Cell("code", source, name) for name, source in reference_sources(assignment).items())
    released = tuple(
        Cell(cell.cell_type, cell.source, cell.metadata.get("nbgrader", {}).get("grade_id"))
        for cell in assignment.released_notebook.cells
    )
    found: list[_Candidate] = []

    def add(name: str, title: str, suites: str, cells: tuple[Cell, ...], verdict: Verdict | None) -> None:
        found.append(_Candidate(name, title, suites, cells, tuple((e, verdict) for e in assignment.exercises), True))

    for suites, by in BY:
        add("reference solution", f"the reference solution earns everything{by}", suites, reference, Verdict.PASSED)
        add("untouched release", f"the untouched release earns nothing{by}", suites, released, Verdict.MISSING)
    for name, body in EMPTY.items():
        cells = tuple(Cell("code", f"def {e}(*args, **kwargs):\n    {body}\n") for e in assignment.exercises)
        add(name, f"{name} earns nothing", HIDDEN, cells, None)
    for number, each in enumerate(pasted.pasted(assignment), 1):
        title = "nothing that the course's pages define, pasted in, earns half of an exercise"
        verdicts = tuple((name, None) for name, _ in each.solves)
        cells = (Cell("code", each.source),)
        found.append(_Candidate(f"{each.page} {number}", title, HIDDEN, cells, verdicts, pasted=each.solves))
    for variant in variants.read_variants(assignment):
        cells, verdicts = (Cell("code", variant.path.read_text()),), tuple(variant.verdicts.items())
        if variant.kind == variants.CORRECT:
            for suites, by in BY:
                title = f"every correct variant passes{by}"
                found.append(_Candidate(variant.name, title, suites, cells, verdicts, True))
        else:  # by the hidden suites alone: the visible ones need not find every mistake
            title = "every known-wrong variant fails as stated"
            found.append(_Candidate(variant.name, title, HIDDEN, cells, verdicts))
    return found


def _graded(
    assignment: Assignment,
    candidates: Sequence[_Candidate],
    executor: Executor,
    draws: int,
    graded: Callable[[int, int], None],
) -> dict[_Candidate, list[Report]]:
    """The reports of each candidate, one a draw. Visible suites have one draw, which is the one that students meet."""
    # Imported here: PyTorch comes with it, which what is found by reading needs not.
    from autograder.check.run import SEED as STUDENTS

    planned = [(each, each.task(assignment, seed)) for each in candidates for seed in _seeds(each, draws, STUDENTS)]
    owners = {(task.submission.student, task.key): each for each, task in planned}
    reports: dict[_Candidate, dict[int, Report]] = {each: {} for each in candidates}
    done = 0

    def finish(task: Task, report: Report) -> None:
        nonlocal done
        reports[owners[task.submission.student, task.key]][task.seed] = report
        done += 1
        graded(done, len(planned))

    executor.run_tasks(assignment, [task for _, task in planned], finish)
    return {each: [found[seed] for seed in sorted(found)] for each, found in reports.items()}


def _seeds(candidate: _Candidate, draws: int, students: int) -> Sequence[int]:
    if candidate.suites != HIDDEN:
        return (students,)
    # One draw will do for what has nothing to do with the exercise.
    return range(SEED, SEED + (1 if candidate.pasted else draws))


def _by_title(candidates: Iterable[_Candidate]) -> dict[str, list[_Candidate]]:
    groups: dict[str, list[_Candidate]] = {}
    for each in candidates:
        groups.setdefault(each.title, []).append(each)
    return groups


# --- what students get --------------------------------------------------------------------------------------------


def _stale(assignment: Assignment) -> Iterator[str]:
    # Imported here: nbgrader takes a second to import, and only this check needs it.
    from autograder.nbgrader.release import generate

    shown, again = assignment.release.relative_to(assignment.root), f"run `autograder release {assignment.name}`"
    with tempfile.TemporaryDirectory() as folder:
        generate(assignment, Path(folder))
        fresh = Path(folder) / assignment.name
        for path in sorted(p.relative_to(fresh) for p in fresh.rglob("*") if p.is_file()):
            if not (assignment.release / path).is_file():
                yield f"{shown / path} is missing; {again}"
            elif not filecmp.cmp(fresh / path, assignment.release / path, shallow=False):
                yield f"{shown / path} is stale; {again}"
        for path in sorted(p.relative_to(assignment.release) for p in assignment.release.rglob("*") if p.is_file()):
            known = (fresh / path).is_file() or "__pycache__" in path.parts or path.parts[0] == ".ipynb_checkpoints"
            if not known:
                yield f"{shown / path} does not come from solutions/; remove it"


def _not_imported(assignment: Assignment) -> Iterator[str]:
    for folder in (VISIBLE, HIDDEN):
        for name in assignment.exercises:
            try:
                sample_class.load_module(assignment.source / folder / f"test_{name}.py")
            except AssignmentError as error:
                yield f"{name}: {error}"
