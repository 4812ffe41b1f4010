"""Measures how fast grading is beside the other ways to do it, and where its time goes.

    .venv/bin/python -m benchmarks.grading --out benchmarks/results

All ways grade the same submissions in every round, one way after another, so that what else the machine does meets them
alike; ratios are taken within a round. A way that gives another grade than is due ends the run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.authoring.sample_class import STUB, Recipe
from autograder.course.assignment import Assignment, load_assignment
from autograder.grading import keys
from autograder.grading.local import available_cores
from benchmarks import anatomy, floor, latency, machine, memory, table
from benchmarks.course import ROOT, Run, require_same, well_behaved
from benchmarks.otter import OtterCourse
from benchmarks.ours import OurCourse
from benchmarks.stock import StockCourse

TITLES = {
    "floor": "the floor: bare warm processes, no jail, no gradebook",
    "reports": "ours, reports alone",
    "everything": "ours, with gradebook and feedback",
    "again": "ours, a second time: all from the store",
    "alone": "ours, reports alone, one submission",
    "stock": "plain `nbgrader autograde`, the suites as hidden tests",
    "otter": "`otter run`, the suites as its tests",
}
RATIOS = {
    "stock/everything": "plain nbgrader / ours with gradebook and feedback",
    "stock/reports": "plain nbgrader / ours, reports alone",
    "otter/reports": "Otter / ours, reports alone",
    "reports/floor": "ours, reports alone / the floor",
    "everything/floor": "ours with gradebook and feedback / the floor",
    "further/floor": "each further submission of ours, reports alone / the floor",
}


@dataclass(frozen=True)
class Plan:
    """What to measure, and how much of it. Nought leaves a part out."""

    assignment: str = "a1-convolution"
    submissions: int = 100
    rounds: int = 3
    jobs: int = 2
    stock: int = 15
    otter: int = 5
    otter_program: Path | None = None
    linearity: tuple[int, ...] = (100, 300, 1000)
    memory: int = 2000
    checks: int = 30
    dissected: int = 30


def measure(plan: Plan, recipes: Sequence[Recipe] | None = None, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Carry out a plan; returns results for JSON. ``recipes`` make the class (default: the well-behaved ones).

    Raises `DifferentGrades` when two ways do not agree.
    """
    original = load_assignment(ROOT, plan.assignment)
    before = keys.deciding_parts(original)
    recipes = recipes or well_behaved(original)
    results: dict[str, Any] = {
        "machine": machine.describe(ROOT),
        "assignment": plan.assignment,
        "rounds": plan.rounds,
        "jobs": plan.jobs,
        "class": [recipe.student for recipe in recipes],
        "notes": [],
    }
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        runs = _rounds(plan, folder, recipes, say)
        results["ways"] = {way: _way(way, found) for way, found in runs.items()}
        results["ratios"] = _ratios(runs)
        results["anatomy"] = _anatomy(plan, folder, recipes, say)
        results["linearity"] = _linearity(plan, folder, recipes, say)
        results["memory"] = _memory(plan, folder, say)
    results["check"] = _checks(plan, original, say)
    results["notes"] += [] if "otter" in runs else ["Otter is not installed here and was not measured."]
    if keys.deciding_parts(original) != before:
        results["notes"].append("The harness was edited during the run: these numbers are of no one version.")
    return results


# --- the ways, side by side ---------------------------------------------------------------------------------------


def _rounds(plan: Plan, folder: Path, recipes: Sequence[Recipe], say: Callable[[str], None]) -> dict[str, list[Run]]:
    course = OurCourse(folder / "ours", plan.assignment, recipes, plan.submissions)
    students = list(course.due)
    submitted = course.root / "submitted"
    ways: dict[str, Callable[[], Run]] = {
        "floor": lambda: _floor(course, students, plan.jobs),
        "alone": lambda: course.reports(plan.jobs, students[:1]),
        "reports": lambda: course.reports(plan.jobs),
        "everything": lambda: course.everything(plan.jobs),
        "again": lambda: course.everything(plan.jobs, again=True),
    }
    if plan.stock:
        stock = StockCourse(folder / "stock", course.assignment, submitted, students[: plan.stock])
        ways["stock"] = stock.everything
    if plan.otter and plan.otter_program:
        otter = OtterCourse(folder / "otter", course.assignment, submitted, plan.otter_program)
        ways["otter"] = lambda: otter.everything(students[: plan.otter])
    runs: dict[str, list[Run]] = {way: [] for way in ways}
    for number in range(plan.rounds):
        for way, once in ways.items():
            done = once()
            require_same(TITLES[way], done.grades, course.due)
            runs[way].append(done)
            say(f"round {number + 1}: {TITLES[way]}: {len(done.grades)} in {done.seconds:.1f} s")
    return runs


def _floor(course: OurCourse, students: Sequence[str], jobs: int) -> Run:
    with floor.warm(course.root, course.assignment.name, jobs, students) as warm:
        return warm.everything(students)


def _way(way: str, runs: Sequence[Run]) -> dict[str, Any]:
    return {
        "title": TITLES[way],
        "submissions": len(runs[0].grades),
        "seconds": _spread([run.seconds for run in runs]),
        "each": _spread([run.each for run in runs]),
    }


def _ratios(runs: dict[str, list[Run]]) -> dict[str, dict[str, Any]]:
    each = {way: [run.each for run in found] for way, found in runs.items()}
    # What one submission more costs once all has started.
    pairs = zip(runs["reports"], runs["alone"], strict=True)
    each["further"] = [(all_.seconds - one.seconds) / max(1, len(all_.grades) - len(one.grades)) for all_, one in pairs]
    found = {}
    for ratio, title in RATIOS.items():
        over, under = ratio.split("/")
        if over in each and under in each:
            quotients = [a / b for a, b in zip(each[over], each[under], strict=True)]
            found[ratio] = {"title": title, **_spread(quotients)}
    return found


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values), "all": list(values)}


# --- what it costs, and whether that grows ------------------------------------------------------------------------


def _anatomy(plan: Plan, folder: Path, recipes: Sequence[Recipe], say: Callable[[str], None]) -> dict[str, Any] | None:
    if not plan.dissected:
        return None
    course = OurCourse(folder / "dissected", plan.assignment, recipes, plan.dissected)
    found = anatomy.dissect(course, list(course.due))
    for part in found.parts:
        say(f"{'  ' if part.of else ''}{part.name}: {1000 * part.seconds:.1f} ms")
    return dataclasses.asdict(found)


def _linearity(plan: Plan, folder: Path, recipes: Sequence[Recipe], say: Callable[[str], None]) -> list[dict[str, Any]]:
    found = []
    for count in plan.linearity:
        course = OurCourse(folder / f"class-of-{count}", plan.assignment, recipes, count)
        done = course.everything(plan.jobs)
        require_same(TITLES["everything"], done.grades, course.due)
        found.append({"submissions": count, "seconds": done.seconds})
        say(f"{count} submissions in {done.seconds:.1f} s")
    return found


def _memory(plan: Plan, folder: Path, say: Callable[[str], None]) -> dict[str, Any] | None:
    if not plan.memory:
        return None
    # Cheap to grade, so that many go through one worker: the notebook as it was released, which fails every test.
    exercises = load_assignment(ROOT, plan.assignment).exercises
    untouched = Recipe(
        "nobody", "Did nothing.", cells=dict.fromkeys(exercises, STUB), verdicts=dict.fromkeys(exercises, "missing")
    )
    course = OurCourse(folder / "many", plan.assignment, [untouched], plan.memory)
    found = memory.watch(course.grade_command(plan.jobs), course.root, plan.memory)
    for kind, quarters in found.quarters.items():
        say(f"{kind}: peak {found.peak[kind]:.0f} MB, by quarters {quarters}")
    return {**dataclasses.asdict(found), "growth": found.growth}


def _checks(plan: Plan, assignment: Assignment, say: Callable[[str], None]) -> dict[str, Any] | None:
    if not plan.checks:
        return None
    waits = latency.waits(assignment, plan.checks)
    for exercise, wait in waits.items():
        say(f"check({exercise!r}): {1000 * wait.median:.0f} ms")
    return {exercise: dataclasses.asdict(wait) for exercise, wait in waits.items()}


# --- the command --------------------------------------------------------------------------------------------------


def write(results: dict[str, Any], out: Path) -> None:
    """Write ``grading.json`` and ``grading.md`` into the folder ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "grading.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (out / "grading.md").write_text(table.markdown(results))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write what was found; returns the exit status."""
    plan = Plan()
    parser = argparse.ArgumentParser(prog="benchmarks.grading", description="Measures grading beside other ways.")
    parser.add_argument("--out", type=Path, required=True, help="folder for grading.json and grading.md")
    parser.add_argument("--assignment", default=plan.assignment)
    parser.add_argument("--submissions", type=int, default=plan.submissions, help="size of the class")
    parser.add_argument("--rounds", type=int, default=plan.rounds)
    parser.add_argument("--jobs", type=int, default=available_cores(), help="processes (default: one a core)")
    parser.add_argument("--stock", type=int, default=plan.stock, help="how many of the class plain nbgrader grades")
    parser.add_argument("--otter", type=Path, dest="otter_program", metavar="PATH", help="the program `otter`")
    parser.add_argument("--otter-submissions", type=int, default=plan.otter, dest="otter")
    parser.add_argument("--linearity", type=int, nargs="*", default=plan.linearity, help="sizes of classes")
    parser.add_argument("--memory", type=int, default=plan.memory, help="submissions of the run for memory")
    parser.add_argument("--checks", type=int, default=plan.checks, help="repetitions of check()")
    parser.add_argument("--dissected", type=int, default=plan.dissected, help="submissions that are dissected")
    args = vars(parser.parse_args(argv))
    out = args.pop("out")
    plan = Plan(**{**args, "linearity": tuple(args["linearity"])})
    results = measure(plan, say=lambda text: print(text, file=sys.stderr, flush=True))
    write(results, out)
    print(table.markdown(results))
    print(f"written to {out / 'grading.json'} and {out / 'grading.md'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
