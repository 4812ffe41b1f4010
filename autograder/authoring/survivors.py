"""Grades the mutants of right solutions, and says which survive: for each the hidden suite has a gap, or it is right.

Those that are right are in ``variants/equivalent.toml`` of their assignment, each with the reason::

    [[mutant]]
    of = "reference solution"
    exercise = "scale"
    before = "return x * k"
    after = "return k * x"
    why = "A product is the same either way round."

Anything else that survives is a problem, and so is an entry that fits no survivor any more. A mutant that earns
everything in some draws and not in others, such as a training that ends near the bar, says so: ``sometimes = true``.
"""

import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autograder.authoring import screening, variants
from autograder.authoring.mutants import Mutant, mutants
from autograder.course.assignment import Assignment, reference_sources
from autograder.course.errors import AssignmentError
from autograder.course.report import Report
from autograder.course.submission import Cell, Submission
from autograder.course.verdict import Verdict
from autograder.grading.executor import Executor
from autograder.grading.task import Task

REFERENCE = "reference solution"
_KEYS = ("of", "exercise", "before", "after")


@dataclass(frozen=True)
class Survivor:
    """A mutant that earns everything: what it was made of, for which exercise, and the lines before and after."""

    of: str
    exercise: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.of}: {self.exercise}: {self.before!r} → {self.after!r} survives"

    def entry(self) -> str:
        """It as an entry of ``equivalent.toml``, with the reason left to be written."""
        quoted = {key: _quoted(getattr(self, key)) for key in _KEYS}
        return "\n".join(["[[mutant]]", *(f"{key} = {value}" for key, value in quoted.items()), 'why = ""', ""])


@dataclass(frozen=True)
class Reason:
    """Why a survivor is recorded; ``sometimes``: it survives in some draws, and in others it does not."""

    why: str
    sometimes: bool = False


@dataclass(frozen=True)
class Tally:
    """How many mutants of an exercise there are, how many its suite finds, and those that it does not.

    ``equivalent`` are the survivors that are recorded as right, with the reason.
    """

    made: int
    killed: int
    equivalent: dict[Survivor, str] = field(default_factory=dict)
    survivors: tuple[Survivor, ...] = ()

    @property
    def share(self) -> float:
        """The share that is found of those that are wrong."""
        wrong = self.made - len(self.equivalent)
        return self.killed / wrong if wrong else 1.0


@dataclass(frozen=True)
class _Candidate:
    of: str
    exercises: tuple[str, ...]
    mutant: Mutant
    cells: tuple[Cell, ...]

    def survivor(self) -> Survivor:
        return Survivor(self.of, self.exercises[0], self.mutant.before, self.mutant.after)


def tally(
    assignment: Assignment,
    executor: Executor,
    seed: int,
    graded: Callable[[int, int], None] = lambda done, of: None,
    exercises: Collection[str] = (),
) -> tuple[dict[str, Tally], list[str]]:
    """What the mutants of these exercises got, or of all, with the inputs of one seed, and each problem with them.

    Raises `AssignmentError` where ``equivalent.toml`` cannot be read.
    """
    exercises = exercises or tuple(assignment.exercises)
    known = {each: reason for each, reason in recorded(assignment).items() if each.exercise in exercises}
    candidates = [each for each in _candidates(assignment) if each.exercises[0] in exercises]
    survivors = _survivors(assignment, executor, candidates, seed, graded)
    made = Counter(each.exercises[0] for each in candidates)
    found = {}
    for name in exercises:
        alive = dict.fromkeys(each for each in survivors if each.exercise == name)
        killed = made[name] - sum(each.exercise == name for each in survivors)
        equivalent = {each: known[each].why for each in alive if each in known}
        found[name] = Tally(made[name], killed, equivalent, tuple(each for each in alive if each not in known))
    problems = [str(each) for one in found.values() for each in one.survivors]
    path = _path(assignment).relative_to(assignment.root)
    always = [each for each, reason in known.items() if not reason.sometimes]
    problems += [f"{path}: no survivor is {str(each)!r}; remove it" for each in always if each not in survivors]
    return found, problems


def recorded(assignment: Assignment) -> dict[Survivor, Reason]:
    """The mutants that an author recorded as right, and why. Raises `AssignmentError`."""
    path = _path(assignment)
    if not path.exists():
        return {}
    where = path.relative_to(assignment.root)
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", [])
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AssignmentError(f"{where} cannot be read: {error}") from error
    found = {}
    for at, entry in enumerate(entries, 1):
        keys = set(entry) - {"sometimes"} if isinstance(entry, dict) else set()
        sometimes = entry.get("sometimes", False) if keys else False
        if keys != {*_KEYS, "why"} or not str(entry["why"]).strip() or not isinstance(sometimes, bool):
            raise AssignmentError(
                f"{where}: entry {at} should say {', '.join(_KEYS)} and, not empty, why; it may say sometimes = true"
            )
        found[Survivor(**{key: entry[key] for key in _KEYS})] = Reason(entry["why"], sometimes)
    return found


def _path(assignment: Assignment) -> Path:
    return assignment.source / "variants" / "equivalent.toml"


def _candidates(assignment: Assignment) -> Iterator[_Candidate]:
    sources = reference_sources(assignment)
    reference = {name: sources[name] for name in assignment.exercises}
    for name in reference:
        for mutant in mutants(reference[name]):
            cells = {**reference, name: mutant.source}
            yield _Candidate(REFERENCE, (name,), mutant, tuple(Cell("code", cells[key], key) for key in cells))
    for variant in variants.read_variants(assignment):
        if variant.kind == variants.CORRECT:
            solved = tuple(variant.verdicts)
            for mutant in mutants(variant.path.read_text()):
                # A helper may have a part in each of the exercises; it is counted with the first.
                names = (mutant.function,) if mutant.function in solved else solved
                yield _Candidate(variant.name, names, mutant, (Cell("code", mutant.source),))


def _survivors(
    assignment: Assignment,
    executor: Executor,
    candidates: Sequence[_Candidate],
    seed: int,
    graded: Callable[[int, int], None],
) -> list[Survivor]:
    done = 0

    def screened(count: int) -> None:
        nonlocal done
        done += count
        graded(done, len(candidates))

    left = screening.left_over(assignment, [(each.cells, each.exercises) for each in candidates], seed, screened)
    candidates = [candidates[at] for at in left]
    tasks = [
        Task(
            Submission(f"mutant {at}", assignment.name, assignment.source, each.cells, digest=f"mutant {at}"),
            seed,
            f"mutant {at}",
            frozenset(each.exercises),
        )
        for at, each in enumerate(candidates)
    ]
    alive: set[str] = set()

    def finish(task: Task, report: Report) -> None:
        if report.verdict is Verdict.FAULT:
            raise AssignmentError(f"{assignment.name}: a mutant could not be graded: {'; '.join(report.remarks)}")
        if report.verdict is Verdict.PASSED:
            alive.add(task.key)

    executor.run_tasks(assignment, tasks, finish)
    return [each.survivor() for task, each in zip(tasks, candidates, strict=True) if task.key in alive]


def _quoted(text: str) -> str:
    """Text as TOML writes it."""
    if "\n" not in text:
        return f"'{text}'" if "'" not in text else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"'''\n{text}'''"
