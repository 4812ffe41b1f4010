"""Commands that grade: grade and replay."""

import argparse
import contextlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from autograder.cli.attention import show_attention
from autograder.cli.common import Commands, executor, positive, root_of, say
from autograder.collect.misplaced import find_misplaced
from autograder.course.assignment import Assignment, load_assignment
from autograder.course.errors import AssignmentError
from autograder.course.report import Report
from autograder.course.submission import list_submissions, read_submission, unnamed_submissions
from autograder.course.text import printable
from autograder.course.verdict import Verdict
from autograder.grading.executor import Executor
from autograder.grading.grader import Graded, Grader
from autograder.nbgrader.recorder_process import Recorded, RecorderProcess
from autograder.nbgrader.standing import Standing
from autograder.pages.theme import TERMINAL

MOST_NAMES = 12  # that a line of a summary lists


def add_to(commands: Commands) -> None:
    """Add the commands."""
    grade = commands.add("grade", _grade, "grade submissions in nbgrader's layout, into nbgrader's gradebook")
    grade.add_argument("assignment")
    grade.add_argument("--submitted", type=Path, help="folder of submissions (default: submitted/ of the course)")
    grade.add_argument("--student", action="append", metavar="ID", help="only this student; may be repeated")
    grade.add_argument("--jobs", type=positive, help="processes (default: one a core)")
    grade.add_argument("--no-gradebook", action="store_true", help="only reports: no gradebook, notebooks or feedback")
    grade.add_argument("--json", action="store_true", help="print a JSON report a student, one a line")
    replay = commands.add(
        "replay", _replay, "grade one submission again on the same inputs, and say whether the report holds"
    )
    replay.add_argument("student")
    replay.add_argument("assignment")
    replay.add_argument("--submitted", type=Path, help="folder of submissions (default: submitted/ of the course)")
    replay.add_argument("--json", action="store_true", help="print the new report as JSON")


def _grade(args: argparse.Namespace) -> int:
    # Returns 1 for what was not graded or not recorded; what was graded and needs a look is listed alone.
    assignment = load_assignment(root_of(args), args.assignment)
    submitted = (args.submitted or assignment.root / "submitted").absolute()
    # Before anything is listed: what lies in a wrong place is put in its own.
    found = find_misplaced(assignment, submitted, frozenset(args.student) if args.student else None)
    submissions = list_submissions(submitted, assignment.name)
    unnamed = [] if args.student else unnamed_submissions(submitted, assignment.name)
    for sentence in unnamed:
        say.print(escape(sentence), soft_wrap=True)
    if args.student:
        have = {student for student, _ in submissions}
        if absent := [student for student in args.student if student not in have]:
            show_attention(say, found.taken, found.attention)
            raise AssignmentError(f"{', '.join(absent)} has no folder {submitted}/<student>/{assignment.name}")
        submissions = [(student, folder) for student, folder in submissions if student in args.student]
    if not submissions:
        show_attention(say, found.taken, found.attention)
        raise AssignmentError(
            f"there is nothing to grade: no folder {submitted}/<student>/{assignment.name} exists "
            "(collect submissions there, or name another folder with --submitted)"
        )
    use_gradebook = not args.no_gradebook
    if use_gradebook and submitted != assignment.root / "submitted":
        raise AssignmentError(
            f"nbgrader's gradebook takes submissions from {assignment.root / 'submitted'} alone; "
            "with another --submitted add --no-gradebook"
        )

    grader = Grader(assignment)
    with RecorderProcess(assignment) if use_gradebook else contextlib.nullcontext() as recorder:
        graded = _with_progress(grader, submissions, executor(args), recorder)
        if args.json:
            for one in graded:
                # Our own faults are not stored, and have nothing that an outline leaves out.
                print((grader.store.get(one.report.key) or one.report).model_dump_json())
        recorded = _recorded(recorder) if recorder else Recorded()
    if not args.json:
        _summary(assignment, graded, recorded.standings)
    show_attention(say, found.taken, [*found.attention, *(each for one in graded for each in one.attention)])
    ungraded = bool(unnamed) or any(each.ungraded for each in found.attention)
    ours = any(one.report.verdict is Verdict.FAULT for one in graded)
    return int(bool(recorded.failed) or ungraded or ours)


def _with_progress(
    grader: Grader, submissions: list[tuple[str, Path]], executor: Executor, recorder: RecorderProcess | None
) -> list[Graded]:
    counts: Counter[str] = Counter()
    columns = [
        TextColumn("grading"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[counts]}"),
    ]
    with Progress(*columns, console=say, disable=not say.is_terminal) as progress:
        bar = progress.add_task("grading", total=len(submissions), counts="")

        def done(one: Graded) -> None:
            counts["from the store" if one.cached else str(one.report.verdict)] += 1
            told = "  ".join(f"{count} {name}" for name, count in counts.most_common())
            progress.update(bar, advance=1, counts=told)
            if recorder and one.report.verdict is not Verdict.FAULT:
                recorder.add(one.report.student)

        # What the gradebook would refuse is found out before anything is graded.
        return grader.grade_class(submissions, executor, done, recorder.ready if recorder else lambda: None)


def _recorded(recorder: RecorderProcess) -> Recorded:
    """Wait until the gradebook has all reports that it lacked, and say which it did not take."""
    columns = [TextColumn("gradebook and feedback"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[at]}")]
    with Progress(*columns, console=say, disable=not say.is_terminal) as progress:
        bar = progress.add_task("recording", total=None, at="")

        def told(visits: int, expected: int, at: str) -> None:
            progress.update(bar, completed=visits, total=expected or None, at=escape(printable(at)))

        recorded = recorder.finish(told)
    for student, why in recorded.failed.items():
        say.print(f"[red]{escape(printable(student))} was not recorded:[/red] {escape(why)}", soft_wrap=True)
    return recorded


def _table(assignment: Assignment, graded: list[Graded], standings: Mapping[str, Standing]) -> Table:
    """A line a student: what the tests found and, where there is a gradebook, the score as it has it."""
    columns = {"tests": bool(standings), "written": bool(standings and assignment.written)}
    columns |= {"late": any(standing.penalty for standing in standings.values()), "score": True}
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("student", *assignment.exercises):
        table.add_column(name, overflow="fold")
    for name in (name for name, shown in columns.items() if shown):
        table.add_column(name, justify="right")
    most = sum(exercise.points for exercise in assignment.manifest.exercise.values())
    for one in graded:
        report, standing = one.report, standings.get(one.report.student)
        cells = []
        for result in report.exercises:
            style = TERMINAL["part" if 0 < result.score < result.max_score else result.verdict.role]
            cells.append(f"[{style}]{result.verdict}[/{style}]")
        tests = f"{report.score:g}/{report.max_score:g}"
        about = {"tests": tests, "written": "", "late": "", "score": "" if standings else tests}
        if standing is not None:
            about["written"] = _written(assignment, standing)
            about["late"] = f"-{standing.penalty:g}" if standing.penalty else ""
            about["score"] = f"{standing.score:g}/{most:g}"
        shown = (text for name, text in about.items() if columns[name])
        table.add_row(escape(printable(report.student)), *cells, *shown)
    return table


def _written(assignment: Assignment, standing: Standing) -> str:
    """The points that persons gave for written answers, or that there is something to be read."""
    if any(name in assignment.written for name in standing.to_be_read):
        return "to be read"
    points = sum(standing.exercises[name].score for name in assignment.written)
    return f"{points:g}/{sum(exercise.points for exercise in assignment.written.values()):g}"


def _summary(assignment: Assignment, graded: list[Graded], standings: Mapping[str, Standing]) -> None:
    say.print(_table(assignment, graded, standings))
    for one in graded:
        report = one.report
        if report.verdict is Verdict.FAULT:
            why = "; ".join(report.remarks)
            name = escape(printable(report.student))
            say.print(f"[magenta]not graded, through our fault:[/magenta] {name}: {escape(why)}")
        elif one.moved and one.before is not None:
            was = f"{one.before.score:g} ({one.before.verdict})"
            why = f": {escape(printable(one.why))} changed" if one.why else ""
            who = escape(printable(report.student))
            say.print(f"moved: {who} from {was} to {report.score:g} ({report.verdict}){why}", soft_wrap=True)
    _unusual(assignment, graded)
    cached = sum(one.cached for one in graded)
    say.print(f"{len(graded)} submissions, {len(graded) - cached} graded now, {cached} from the store")


def _unusual(assignment: Assignment, graded: list[Graded]) -> None:
    """Say whose code the instructor may want to look at."""
    names = [escape(printable(one.report.student)) for one in graded if one.report.review]
    if names:
        who = ", ".join(names[:MOST_NAMES]) + (
            f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        )
        what = "1 submission has" if len(names) == 1 else f"{len(names)} submissions have"
        say.print(
            f"{what} code that is not plain, so that its rules are not measured with certainty: {who}; "
            f"formgrader shows the lines, and so does `autograder replay STUDENT {assignment.name}`",
            soft_wrap=True,
        )


def _replay(args: argparse.Namespace) -> int:
    assignment = load_assignment(root_of(args), args.assignment)
    folder = (args.submitted or assignment.root / "submitted").absolute() / args.student / assignment.name
    if not folder.is_dir():
        raise AssignmentError(f"there is no folder {folder} to grade again")
    grader = Grader(assignment)
    submission = read_submission(folder, args.student, assignment.name)
    stored = grader.store.get(grader.key(submission))
    again = grader.regrade(submission)
    if args.json:
        print(again.model_dump_json())
    name = escape(printable(args.student))
    if again.verdict is not Verdict.FAULT:
        _promise(again)
    if again.verdict is Verdict.FAULT:
        say.print(f"{name} could not be graded again: {escape('; '.join(again.remarks))}", soft_wrap=True)
        return 1
    if stored is None:
        say.print(
            f"{name}: {again.score:g}/{again.max_score:g} with seed {again.seed}; no report is stored to compare with"
        )
        return 0
    if stored.timeless() == again.timeless():
        say.print(f"{name}: {again.score:g}/{again.max_score:g} with seed {again.seed}, the same in every test")
        return 0
    say.print(f"{name}: the report of {stored.score:g} points does not hold: now {again.score:g}", soft_wrap=True)
    for then, now in zip(stored.exercises, again.exercises, strict=True):
        for before, after in zip(then.tests, now.tests, strict=False):
            if before.verdict is not after.verdict:
                say.print(f"  {now.name}: {after.name}: was {before.verdict}, is {after.verdict}", soft_wrap=True)
    return 1


def _promise(report: Report) -> None:
    """Say what the grade of one submission rests on."""
    say.print("values: compared outside of the sandbox, so that only right ones earn points")
    if not report.review:
        say.print("rules: all of its code is plain, so that loops and forbidden operators were counted with certainty")
        return
    say.print(
        "rules: not all of its code is plain, so that it could have changed the counts; its time was compared with the "
        "author's solution. Look at:",
        soft_wrap=True,
    )
    for line in report.review:
        text = escape(printable(line.text))
        say.print(f"  cell {line.cell}, line {line.line}, {escape(printable(line.why))}: {text}", soft_wrap=True)
