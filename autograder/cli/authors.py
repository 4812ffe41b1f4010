"""Commands of authors: new, release, bundle, validate, hints, redteam, sample."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from autograder.cli.common import Commands, chosen, executor, positive, root_of, say, takes_assignments
from autograder.course.assignment import load_assignment
from autograder.course.errors import AssignmentError

if TYPE_CHECKING:
    from autograder.authoring.validate import Validation

MANY = 1000  # gradings, of which a log tells each tenth


def add_to(commands: Commands) -> None:
    """Add the commands of authors."""
    new = commands.add(
        "new", _new, "make the skeleton of an assignment: a small whole one, to be replaced piece by piece"
    )
    new.add_argument("name", help="what to call it: small letters, digits and hyphens")
    release = commands.add("release", _release, "generate what students get from solutions/, and tell the gradebook")
    takes_assignments(release)
    bundle = commands.add("bundle", _bundle, "make the zip that students download")
    takes_assignments(bundle)
    validate = commands.add(
        "validate", _validate, "prove an assignment: its parts agree, right earns all, wrong does not"
    )
    takes_assignments(validate)
    validate.add_argument("--jobs", type=positive, help="processes (default: one a core)")
    validate.add_argument(
        "--draws", type=positive, default=1, help="how many draws of the hidden suites' inputs to grade (default: 1)"
    )
    validate.add_argument(
        "--exercise",
        action="append",
        default=[],
        metavar="NAME",
        help="grade this exercise alone, after a change of it; may be given again for another",
    )
    validate.add_argument(
        "--mutants", action="store_true", help="grade every small change of right solutions too, which takes minutes"
    )
    validate.add_argument("--json", action="store_true", help="print the checks and the scores of variants as JSON")
    validate.add_argument(
        "--record", action="store_true", help="keep what holds in solutions/<assignment>/tested.json, for a page"
    )
    hints = commands.add("hints", _hints, "make hints.json: which tests each known-wrong variant fails, and its hint")
    takes_assignments(hints)
    hints.add_argument("--jobs", type=positive, help="processes (default: one a core)")
    redteam = commands.add(
        "redteam", _redteam, "attack the grader with submissions that cheat, and check what each gets"
    )
    takes_assignments(redteam)
    redteam.add_argument("--jobs", type=positive, help="processes (default: one a core)")
    redteam.add_argument("--json", action="store_true", help="print an outcome a line as JSON")
    made = commands.add("sample", _sample, "make the sample class's submissions from their recipes")
    made.add_argument("assignment")
    made.add_argument("--submitted", type=Path, help="where to (default: submitted/ of the course)")


def _new(args: argparse.Namespace) -> int:
    from autograder.authoring import skeleton

    here = args.root or Path.cwd()
    # A course's first assignment is what makes it one for `find_root`.
    root = here if (here / "nbgrader_config.py").is_file() else root_of(args)
    place = skeleton.make(root, args.name)
    print(place.relative_to(place.parents[1]))
    say.print(
        f"next: write it, then `autograder release {args.name}`, `autograder hints {args.name}` and "
        f"`autograder validate {args.name} --draws 30`",
        soft_wrap=True,
    )
    return 0


def _release(args: argparse.Namespace) -> int:
    from autograder.nbgrader.release import release

    for assignment in chosen(args):
        release(assignment)
        print(f"assignments/{assignment.name}")
    return 0


def _bundle(args: argparse.Namespace) -> int:
    from autograder.nbgrader import bundle

    for assignment in chosen(args):
        path = bundle.make(assignment, assignment.root / "bundles")
        print(path.relative_to(assignment.root))
    return 0


def _validate(args: argparse.Namespace) -> int:
    from autograder.authoring import tested, validate

    def show(check: validate.Check) -> None:
        mark = "[green]✓[/green]" if check.holds else "[red]✗[/red]"
        say.print(f"{mark} {escape(check.title)}")
        for problem in check.problems:
            say.print(f"    {escape(problem)}", soft_wrap=True)

    holds = True
    assignments = chosen(args)
    known = {name for assignment in assignments for name in assignment.exercises}
    if unknown := [name for name in args.exercise if name not in known]:
        raise AssignmentError(f"there is no exercise {unknown[0]!r} to grade; there is: {', '.join(sorted(known))}")
    for assignment in assignments:
        if args.exercise and not set(args.exercise) & set(assignment.exercises):
            continue
        say.print(f"[bold]{assignment.name}[/bold]")
        columns = TextColumn("grading"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=say, transient=True, disable=not say.is_terminal) as progress:
            bar = progress.add_task("grading", total=None, visible=False)
            found = validate.validate(
                assignment, executor(args), show, args.draws, _teller(progress, bar), args.mutants, args.exercise
            )
        holds &= found.holds
        if args.json:
            print(json.dumps({"assignment": assignment.name} | _as_data(found)))
        if args.record and found.holds:
            tested.record(assignment, found, args.draws)
            say.print(f"solutions/{assignment.name}/{tested.FILE}")
    return int(not holds)


def _teller(progress: Progress, bar: TaskID) -> Callable[[int, int], None]:
    """Return what shows how many gradings are done: a bar, or in a file, where none is, a line for each tenth of many.

    Mutants that take an hour say that they go on.
    """
    told = 0

    def graded(done: int, of: int) -> None:
        nonlocal told
        progress.update(bar, completed=done, total=of, visible=done < of)
        tenths = done * 10 // of
        if not say.is_terminal and of >= MANY and tenths > told:
            say.print(f"    graded {done:,} of {of:,}")
        told = tenths

    return graded


def _as_data(found: "Validation") -> dict[str, object]:
    """What `validate` found, for JSON."""
    return {
        "checks": [{"title": c.title, "holds": c.holds, "problems": c.problems} for c in found.checks],
        "scores": {
            variant: {name: [asdict(score) for score in scores] for name, scores in exercises.items()}
            for variant, exercises in found.scores.items()
        },
        "mutants": {
            name: {
                "made": tally.made,
                "killed": tally.killed,
                "share": tally.share,
                "equivalent": [asdict(each) | {"why": why} for each, why in tally.equivalent.items()],
                "survivors": [asdict(each) for each in tally.survivors],
            }
            for name, tally in found.mutants.items()
        },
    }


def _hints(args: argparse.Namespace) -> int:
    from autograder.authoring import hinting, validate

    for assignment in chosen(args):
        hinting.make(assignment, executor(args), validate.SEED)
        print(f"solutions/{assignment.name}/hints.json")
    return 0


def _redteam(args: argparse.Namespace) -> int:
    from autograder.authoring import redteam

    return redteam.command(chosen(args), executor(args), args.json)


def _sample(args: argparse.Namespace) -> int:
    from autograder.authoring.sample_class import make_class

    assignment = load_assignment(root_of(args), args.assignment)
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
