"""Attacks the grader with submissions that cheat, and checks that each gets the grade it must and leaves nothing.

They are graded as any class is, in a copy of the course with tight limits, with honest submissions between them.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autograder.authoring import sample_class
from autograder.authoring.attacks import Attack, Target, attacks, every_attack
from autograder.authoring.leftovers import watch
from autograder.course.assignment import Assignment, load_assignment
from autograder.course.limits import Limits
from autograder.course.report import ExerciseResult, Report
from autograder.course.submission import Cell, Submission, list_submissions, read_submission
from autograder.course.verdict import Verdict
from autograder.grading.executor import Executor
from autograder.grading.local import LocalExecutor
from autograder.grading.task import Task

SEED = 20_250_202
# What an attack may get of which the report names the code for the instructor, and which nothing else finds.
UNSEEN = (Verdict.PASSED, Verdict.TIMEOUT, Verdict.MEMORY)
TIGHT = Limits(cell_seconds=2, call_seconds=1, submission_seconds=12, memory_mb=400, output_kb=256, threads=24)
HONEST_EVERY = 12  # attacks between two honest submissions


@dataclass(frozen=True)
class AttackOutcome:
    """What came of one attack: the verdicts that its exercises got, and each thing that is not as it must be."""

    id: str
    row: int | str
    title: str
    wanted: tuple[str, ...]
    got: dict[str, str]
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    gap: str = ""
    flagged: bool = False

    @property
    def held(self) -> bool:
        """Whether the grader stood."""
        return not self.problems

    @property
    def fell(self) -> bool:
        """Whether the grader fell where it is known to stand."""
        return not self.held and not self.gap


def run(
    assignment: Assignment,
    executor: Executor | None = None,
    progress: Callable[[AttackOutcome], None] = lambda _: None,
    chosen: Sequence[Attack] | None = None,
) -> list[AttackOutcome]:
    """Grade every attack (or those ``chosen``) and judge what came of it.

    Two outcomes more say whether honest submissions graded in between got what they get without the attacks, and
    whether anything was left behind. Raises `JailError` when this machine cannot jail anything.
    """
    executor = executor or LocalExecutor()
    chosen = attacks(assignment) if chosen is None else list(chosen)
    outcomes: dict[str, AttackOutcome] = {}
    honest: dict[str, Report] = {}
    with tempfile.TemporaryDirectory(prefix="autograder-redteam-") as name:
        place = Path(name)
        course, alone = _course(assignment, place, executor)
        students = {attack.id: (attack, target) for attack in chosen if (target := attack.target(course))}
        tasks = []
        for attack, target in students.values():
            made = _submission(attack, target, place / "submitted")
            if made is None:
                problems = () if "ignored" in attack.wanted else ("it is no submission of the class",)
                outcomes[attack.id] = _outcome(attack, {"": "ignored"}, problems)
                progress(outcomes[attack.id])
            else:
                tasks.append(Task(made, SEED, attack.id, frozenset({target.name, target.beside})))

        def finish(task: Task, report: Report) -> None:
            if task.key not in students:
                honest[task.key] = report
                return
            attack, target = students[task.key]
            seconds = report.durations.get("total", 0.0)
            verdicts = {result.name: str(result.verdict) for result in report.exercises}
            problems = tuple(_problems(attack, target, report))
            flagged = attack.flagged and report.exercise(target.name).verdict is Verdict.PASSED
            outcomes[attack.id] = _outcome(attack, verdicts, problems, seconds, flagged)
            progress(outcomes[attack.id])

        with watch(place) as left:
            mixed = _mixed(tasks, list(_honest(course).values()))
            executor.run_tasks(course, mixed, finish)
    done = [outcomes[attack.id] for attack in chosen if attack.id in outcomes]
    problems = [
        f"{key}: {problem}"
        for key, report in sorted(honest.items())
        for problem in _differences(alone[key.partition(" ")[0]], report)
    ]
    got = {"honest": str(len(honest))}
    for end in (
        AttackOutcome(
            "neighbours", "", "Honest submissions between the attacks keep their grades.", (), got, tuple(problems)
        ),
        AttackOutcome("leftovers", "", "No process, file, mount or namespace is left behind.", (), {}, tuple(left)),
    ):
        done.append(end)
        progress(end)
    return done


def command(assignments: Sequence[Assignment], executor: Executor, as_json: bool) -> int:
    """Run the red team against each assignment and print a table, or a JSON line an outcome; 1 when a wall gave way."""
    say = Console(stderr=True, highlight=False)
    fell = 0
    for assignment in assignments:
        with _bar(say) as bar:
            step = bar.add_task(f"attacking {assignment.name}", total=len(attacks(assignment)) + 2)
            outcomes = run(assignment, executor, lambda _, bar=bar, step=step: bar.advance(step))
        fell += sum(outcome.fell for outcome in outcomes)
        if as_json:
            for outcome in outcomes:
                print(json.dumps({"assignment": assignment.name, **asdict(outcome), "held": outcome.held}))
        else:
            _print(assignment, outcomes)
    return 1 if fell else 0


def _print(assignment: Assignment, outcomes: Sequence[AttackOutcome]) -> None:
    out = Console(highlight=False)
    if not out.is_terminal:
        out = Console(highlight=False, width=140)
    table = Table(title=f"{assignment.name}: {len(outcomes)} attacks and checks", title_justify="left")
    for title in ("row", "attack", "wanted", "got", ""):
        table.add_column(title)
    for outcome in outcomes:
        got = ", ".join(dict.fromkeys(outcome.got.values()))
        sign = "[green]held[/green]" if outcome.held else "[red]fell[/red]" if outcome.fell else "[yellow]open[/yellow]"
        sign = "[green]flagged[/green]" if outcome.held and outcome.flagged else sign
        table.add_row(str(outcome.row), escape(outcome.title), " or ".join(outcome.wanted), escape(got), sign)
    out.print(table)
    for outcome in outcomes:
        for problem in outcome.problems:
            known = f" (known: {outcome.gap})" if outcome.gap else ""
            out.print(f"[red]{escape(outcome.id)}[/red] {escape(problem + known)}", soft_wrap=True)
    held = sum(outcome.held for outcome in outcomes)
    gaps = sum(not outcome.held and not outcome.fell for outcome in outcomes)
    flagged = sum(outcome.held and outcome.flagged for outcome in outcomes)
    said = f"{held} of {len(outcomes)} held"
    if flagged:
        said += f", {flagged} of them with their points and a note to the instructor"
    out.print(said + (f"; {gaps} are known to be open" if gaps else ""), soft_wrap=True)
    out.print(not_shown(assignment), soft_wrap=True)


def not_shown(assignment: Assignment) -> str:
    """What the attacks do not show of an assignment: those that do not fit, the exercises left out, and its suites."""
    every, fitting = every_attack(assignment), attacks(assignment)
    attacked = {target.name for attack in fitting if (target := attack.target(assignment))}
    spared = [name for name in assignment.exercises if name not in attacked]
    left = []
    if others := len(every) - len(fitting):
        left.append(f"{others} of {len(every)} attacks, which are written for other exercises")
    if spared:
        left.append(f"the exercises {', '.join(spared)}, for each attack takes the first that fits")
    left.append("what its suites miss of honest mistakes, for which `autograder validate` has its variants")
    return f"not tried here: {'; '.join(left)}"


def _bar(say: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=say, transient=True, disable=not say.is_terminal)


def _course(assignment: Assignment, place: Path, executor: Executor) -> tuple[Assignment, dict[str, Report]]:
    """A copy of one assignment in a course of its own, and what honest submissions get there.

    Its limits are so tight that attacks on them end soon, but for memory where right solutions need more.
    """
    reports: dict[str, Report] = {}
    for limits in (TIGHT, TIGHT.model_copy(update={"memory_mb": assignment.manifest.limits.memory_mb})):
        course = _copy(assignment, place / f"{limits.memory_mb} MB", limits)
        tasks = list(_honest(course).values())
        executor.run_tasks(course, tasks, lambda task, report: reports.__setitem__(task.key, report))
        if all(result.verdict is not Verdict.MEMORY for report in reports.values() for result in report.exercises):
            break
    return course, reports


def _copy(assignment: Assignment, root: Path, limits: Limits) -> Assignment:
    for folder in (assignment.source, assignment.release):
        target = root / folder.relative_to(assignment.root)
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    manifest = root / "solutions" / assignment.name / "assignment.toml"
    without = re.sub(r"^\[limits\].*\n(?:(?!\[).*\n)*", "", manifest.read_text(), flags=re.MULTILINE)
    stated = "".join(f"{name} = {amount}\n" for name, amount in limits.model_dump().items())
    manifest.write_text(f"{without}\n[limits]\n{stated}")
    return load_assignment(root, assignment.name)


def _submission(attack: Attack, target: Target, submitted: Path) -> Submission | None:
    name = target.assignment.name
    if attack.file is None and attack.folder is None:
        cells = [Cell("code", target.fill(source)) for source in attack.before]
        cells.append(Cell("code", target.fill(attack.cell), target.name))
        if target.beside != target.name:
            cells.append(Cell("code", target.reference[target.beside], target.beside))
        cells += [Cell("code", target.fill(source)) for source in attack.after]
        return Submission(attack.student or attack.id, name, submitted, tuple(cells), digest=attack.id)
    # Each in a class of its own: a name with a slash or dots in it would otherwise meet another's.
    own = submitted / attack.id
    folder = own / (attack.student or attack.id) / name
    folder.mkdir(parents=True)
    if attack.file is not None:
        (folder / f"{name}.ipynb").write_bytes(attack.file(target))
    if attack.folder is not None:
        attack.folder(folder, target)
    listed = list_submissions(own, name)
    return read_submission(listed[0][1], listed[0][0], name) if listed else None


def _honest(assignment: Assignment) -> dict[str, Task]:
    """Two honest students: one who solves everything, one who leaves every second exercise out."""
    reference = {n: s for n, s in sample_class.reference_sources(assignment).items() if n in assignment.exercises}
    whole = tuple(Cell("code", source, name) for name, source in reference.items())
    made = {"whole": whole, "half": whole[::2]}
    return {
        key: Task(Submission(key, assignment.name, assignment.source, cells, digest=key), SEED, key)
        for key, cells in made.items()
    }


def _mixed(tasks: list[Task], honest: list[Task]) -> list[Task]:
    mixed: list[Task] = []
    for number, task in enumerate(tasks):
        if number % HONEST_EVERY == 0:
            kind = honest[number // HONEST_EVERY % len(honest)]
            mixed.append(replace(kind, key=f"{kind.key} {number}"))
        mixed.append(task)
    return mixed


def _outcome(
    attack: Attack, got: dict[str, str], problems: tuple[str, ...], seconds: float = 0.0, flagged: bool = False
) -> AttackOutcome:
    return AttackOutcome(
        attack.id, attack.row, attack.title, attack.wanted, got, problems, round(seconds, 2), attack.gap, flagged
    )


def _problems(attack: Attack, target: Target, report: Report) -> Iterator[str]:
    for result in report.exercises:
        attacked = result.name == target.name
        wanted = attack.wanted if attacked or attack.beside is None else attack.beside
        if attacked and attack.flagged and result.verdict in UNSEEN:
            if not report.review:
                yield f"{result.name} got {result.verdict}, and the report names nothing to look at"
        elif wanted and str(result.verdict) not in wanted:
            yield f"{result.name} got {_told(result)}, not {' or '.join(wanted)}"
        most = _most(attack, result, target) if attacked or attack.beside is None else result.max_score
        if result.score > most + 0.011:
            yield f"{result.name} earned {result.score:g} of {result.max_score:g} points, and at most {most:g} are due"
        if result.verdict is Verdict.PASSED and result.score != result.max_score:
            yield f"{result.name} passed, and earned {result.score:g} of {result.max_score:g} points"
    if attack.remark and attack.remark not in report.model_dump_json():
        yield f"the report does not say {attack.remark!r}"
    if attack.also:
        yield from attack.also(report, target)
    if report.verdict is Verdict.FAULT:
        yield f"it made the grader fail: {'; '.join(report.remarks)}"


def _most(attack: Attack, result: ExerciseResult, target: Target) -> float:
    if attack.keeps is not None:
        return attack.keeps * result.max_score
    if result.verdict is Verdict.PASSED or (attack.flagged and result.verdict in UNSEEN):
        return result.max_score
    if result.verdict is Verdict.LOOPS:
        return target.assignment.exercises[result.name].gate_credit * result.max_score
    return 0.0


def _told(result: ExerciseResult) -> str:
    failed = next((test for test in result.tests if test.verdict is result.verdict), None)
    return f"{result.verdict}" + (f" ({failed.name}: {failed.detail})" if failed and failed.detail else "")


def _differences(alone: Report, among: Report) -> Iterator[str]:
    for before, after in zip(alone.exercises, among.exercises, strict=True):
        old, new = ([(t.name, t.verdict, t.detail) for t in result.tests] for result in (before, after))
        if (before.score, before.verdict) != (after.score, after.verdict) or old != new:
            yield f"{before.name} got {_told(after)} and {after.score:g} points, not {before.verdict}, {before.score:g}"
