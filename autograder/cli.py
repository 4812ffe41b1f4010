"""The command line: ``autograder grade a1-convolution`` and its sisters."""

import argparse
import contextlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from autograder.course import places
from autograder.course.assignment import Assignment, assignment_names, find_root, load_assignment
from autograder.course.errors import AssignmentError, GradingError
from autograder.course.submission import list_submissions, read_submission, unnamed_submissions
from autograder.course.text import printable
from autograder.course.verdict import Verdict
from autograder.grading.executor import Executor
from autograder.grading.grader import Graded, Grader
from autograder.grading.local import LocalExecutor
from autograder.jail.errors import JailError
from autograder.nbgrader.recorder_process import RecorderProcess
from autograder.pages.theme import TERMINAL

say = Console(stderr=True, highlight=False)
if not say.is_terminal:
    say = Console(stderr=True, highlight=False, width=120)  # a log file has room for the table


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 something was found wrong, 2 it could not be done."""
    parser = _parser()
    args = parser.parse_args(argv)
    try:
        return args.run(args)
    except (AssignmentError, JailError, GradingError) as error:
        say.print(f"[red]autograder:[/red] {escape(str(error))}", soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        say.print("\nstopped; what was graded is kept, and the same command goes on from there")
        return 130
    except BrokenPipeError:
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autograder", description="Grades notebooks in a jail, by hidden pytest suites."
    )
    parser.add_argument("--root", type=Path, help="the course directory (default: the one around this folder)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, about: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
        made.set_defaults(run=run)
        return made

    release = command("release", _release, "generate what students get from solutions/, and tell the gradebook")
    release.add_argument("assignment", nargs="*", help="assignments (default: all)")
    bundle = command("bundle", _bundle, "make the zip that students download")
    bundle.add_argument("assignment", nargs="*", help="assignments (default: all)")
    validate = command("validate", _validate, "prove an assignment: its parts agree, right earns all, wrong does not")
    validate.add_argument("assignment", nargs="*", help="assignments (default: all)")
    validate.add_argument("--jobs", type=_positive, help="processes (default: one a core)")
    validate.add_argument("--json", action="store_true", help="print the checks as JSON")
    redteam = command("redteam", _redteam, "attack the grader with submissions that cheat, and check what each gets")
    redteam.add_argument("assignment", nargs="*", help="assignments (default: all)")
    redteam.add_argument("--jobs", type=_positive, help="processes (default: one a core)")
    redteam.add_argument("--json", action="store_true", help="print an outcome a line as JSON")
    made = command("sample", _sample, "make the sample class's submissions from their recipes")
    made.add_argument("assignment")
    made.add_argument("--submitted", type=Path, help="where to (default: submitted/ of the course)")
    collect = command(
        "collect", _collect, "unpack an archive of submissions into nbgrader's layout, trusting nothing in it"
    )
    collect.add_argument("assignment")
    collect.add_argument("archive", type=Path, help="the archive of students' files that was downloaded")
    collect.add_argument("--submitted", type=Path, help="where to (default: submitted/ of the course)")
    collect.add_argument(
        "--pattern",
        metavar="REGEX",
        help="how file names say whose they are, with the groups (?P<student_id>…) and (?P<file_id>…); "
        "default: as nbgrader, Moodle, Canvas and Blackboard name them, or <student>_<assignment>.ipynb",
    )
    collect.add_argument(
        "--timestamps",
        metavar="ZONE",
        help="take the archive's file times as when work was handed in; a zip's are local times, of this zone "
        "(for example Europe/Vienna). Systems differ in what they write there, so look at a few first",
    )
    grade = command("grade", _grade, "grade submissions in nbgrader's layout, into nbgrader's gradebook")
    grade.add_argument("assignment")
    grade.add_argument("--submitted", type=Path, help="folder of submissions (default: submitted/ of the course)")
    grade.add_argument("--student", action="append", metavar="ID", help="only this student; may be repeated")
    grade.add_argument("--jobs", type=_positive, help="processes (default: one a core)")
    grade.add_argument("--no-gradebook", action="store_true", help="only reports: no gradebook, notebooks or feedback")
    grade.add_argument("--json", action="store_true", help="print a JSON report a student, one a line")
    replay = command("replay", _replay, "grade one submission again from its seed, and say whether the report holds")
    replay.add_argument("student")
    replay.add_argument("assignment")
    replay.add_argument("--submitted", type=Path, help="folder of submissions (default: submitted/ of the course)")
    replay.add_argument("--json", action="store_true", help="print the new report as JSON")
    export = command("export", _export, "write every grade as CSV")
    export.add_argument("--to", type=Path, help="the file (default: grades.csv of the course)")
    command("where", _where, "say where everything that was made is, and how to open it")
    return parser


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} should be a number from 1 up")
    return number


def _root(args: argparse.Namespace) -> Path:
    return find_root(args.root or Path.cwd())


def _chosen(args: argparse.Namespace) -> list[Assignment]:
    root = _root(args)
    names = args.assignment or assignment_names(root)
    if not names:
        raise AssignmentError(f"there is no assignment in {root / 'solutions'}")
    return [load_assignment(root, name) for name in names]


def _executor(args: argparse.Namespace) -> Executor:
    """Where tasks run. A cluster would be chosen here."""
    return LocalExecutor(args.jobs)


# --- authors ------------------------------------------------------------------------------------------------------


def _release(args: argparse.Namespace) -> int:
    from autograder.nbgrader.release import release

    for assignment in _chosen(args):
        release(assignment)
        print(f"assignments/{assignment.name}")
    return 0


def _bundle(args: argparse.Namespace) -> int:
    from autograder.nbgrader import bundle

    for assignment in _chosen(args):
        path = bundle.make(assignment, assignment.root / "bundles")
        print(path.relative_to(assignment.root))
    return 0


def _validate(args: argparse.Namespace) -> int:
    from autograder.authoring import validate

    failed = False
    for assignment in _chosen(args):

        def show(check: validate.Check) -> None:
            mark = "[green]✓[/green]" if check.holds else "[red]✗[/red]"
            say.print(f"{mark} {escape(check.title)}")
            for problem in check.problems:
                say.print(f"    {escape(problem)}", soft_wrap=True)

        say.print(f"[bold]{assignment.name}[/bold]")
        checks = validate.validate(assignment, _executor(args), show)
        failed |= not all(check.holds for check in checks)
        if args.json:
            found = [{"title": c.title, "holds": c.holds, "problems": c.problems} for c in checks]
            print(json.dumps({"assignment": assignment.name, "checks": found}))
    return int(failed)


def _redteam(args: argparse.Namespace) -> int:
    from autograder.authoring import redteam

    return redteam.command(_chosen(args), _executor(args), args.json)


def _collect(args: argparse.Namespace) -> int:
    from autograder.collect.collect import collect
    from autograder.collect.errors import ArchiveError

    root = _root(args)
    name = load_assignment(root, args.assignment).name
    submitted = args.submitted or root / "submitted"
    try:
        zone = ZoneInfo(args.timestamps) if args.timestamps else None
    except (ValueError, OSError, LookupError):
        raise ArchiveError(f"there is no time zone {args.timestamps!r}; one is Europe/Vienna, another UTC") from None
    collected = collect(args.archive, submitted, name, args.pattern, zone, root / places.REPLACED)
    for outcome in collected.outcomes:
        print(outcome)
    counts = [f"{len(collected.students(each))} students' work {each}" for each in ("taken", "replaced", "unchanged")]
    print(", ".join(counts), f"in {submitted}")
    if zone is None and collected.students("taken", "replaced"):
        print("no times were taken, so nobody counts as late; --timestamps ZONE takes the archive's")
    return int(bool(collected.refused))


def _sample(args: argparse.Namespace) -> int:
    from autograder.authoring.sample_class import make_class

    assignment = load_assignment(_root(args), args.assignment)
    submitted = args.submitted or assignment.root / "submitted"
    made = make_class(assignment, submitted)
    if args.submitted is None:
        from autograder.nbgrader.gradebook import enrol
        from autograder.nbgrader.release import require

        require(assignment)
        enrol(assignment.root, [recipe.student for recipe in made])
    handed_in = sum(not recipe.absent for recipe in made)
    say.print(f"{len(made)} students, of whom {handed_in} handed something in, in {submitted}")
    return 0


# --- instructors --------------------------------------------------------------------------------------------------


def _grade(args: argparse.Namespace) -> int:
    assignment = load_assignment(_root(args), args.assignment)
    submitted = (args.submitted or assignment.root / "submitted").absolute()
    submissions = list_submissions(submitted, assignment.name)
    unnamed = [] if args.student else unnamed_submissions(submitted, assignment.name)
    for sentence in unnamed:
        say.print(escape(sentence), soft_wrap=True)
    if args.student:
        have = {student for student, _ in submissions}
        if absent := [student for student in args.student if student not in have]:
            raise AssignmentError(f"{', '.join(absent)} has no folder {submitted}/<student>/{assignment.name}")
        submissions = [(student, folder) for student, folder in submissions if student in args.student]
    if not submissions:
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
        graded = _with_progress(grader, submissions, _executor(args), recorder)
        if args.json:
            for one in graded:
                # Our own faults are not stored, and have nothing that an outline leaves out.
                print((grader.store.get(one.report.key) or one.report).model_dump_json())
        failed = _recorded(recorder) if recorder else 0
    if not args.json:
        _summary(assignment, graded)
    return int(failed > 0 or bool(unnamed) or any(one.report.verdict is Verdict.FAULT for one in graded))


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


def _recorded(recorder: RecorderProcess) -> int:
    """Wait until the gradebook has all reports that it lacked; returns how many it did not take."""
    columns = [TextColumn("gradebook and feedback"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[at]}")]
    with Progress(*columns, console=say, disable=not say.is_terminal) as progress:
        bar = progress.add_task("recording", total=None, at="")

        def told(visits: int, expected: int, at: str) -> None:
            progress.update(bar, completed=visits, total=expected or None, at=escape(printable(at)))

        failed = recorder.finish(told)
    for student, why in failed.items():
        say.print(f"[red]{escape(printable(student))} was not recorded:[/red] {escape(why)}", soft_wrap=True)
    return len(failed)


def _summary(assignment: Assignment, graded: list[Graded]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("student", overflow="fold")
    for name in assignment.exercises:
        table.add_column(name, overflow="fold")
    table.add_column("score", justify="right")
    for one in graded:
        report = one.report
        cells = []
        for result in report.exercises:
            style = TERMINAL["part" if 0 < result.score < result.max_score else result.verdict.role]
            cells.append(f"[{style}]{result.verdict}[/{style}]")
        table.add_row(escape(printable(report.student)), *cells, f"{report.score:g}/{report.max_score:g}")
    say.print(table)
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
    cached = sum(one.cached for one in graded)
    say.print(f"{len(graded)} submissions, {len(graded) - cached} graded now, {cached} from the store")


def _replay(args: argparse.Namespace) -> int:
    assignment = load_assignment(_root(args), args.assignment)
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


def _export(args: argparse.Namespace) -> int:
    from autograder.nbgrader import gradebook

    root = _root(args)
    if not (root / "gradebook.db").exists():
        raise AssignmentError(f"there is no gradebook in {root}; `autograder grade <assignment>` makes one")
    path = args.to or root / "grades.csv"
    gradebook.export(root, path)
    print(path)
    return 0


PLACES = (
    ("the site", "_build/html/index.html", "open it in a browser; it needs no network"),
    ("student bundles", "bundles", "a zip an assignment, to hand out"),
    ("submissions", "submitted", "the sample class; put your own here in nbgrader's layout"),
    ("gradebook", "gradebook.db", "`make lab`, then Formgrader; or any nbgrader command in this folder"),
    ("autograded notebooks", "autograded", "what formgrader shows"),
    ("feedback", "feedback", "for each student nbgrader's page and report.html"),
    ("grades", "grades.csv", "one line a student and assignment"),
)


def _where(args: argparse.Namespace) -> int:
    root = _root(args)
    table = Table(box=None, show_header=False, pad_edge=False)
    for what, path, how in PLACES:
        if (root / path).exists():
            table.add_row(f"[bold]{what}[/bold]", path, how)
    say.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
