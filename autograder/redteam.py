"""Attacks the grader with submissions that cheat, and checks that each gets the grade it must and leaves nothing.

Attacks stand in ``tests/redteam/*.py`` as ``ATTACKS``. They are written for any assignment: in their sources ``$name``
is the exercise that is attacked, ``$reference`` the author's solution of it and ``$wrong`` an answer that is none.
They are graded as any class is, in a copy of the course with tight limits, with honest submissions between them.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import json
import os
import re
import shutil
import string
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from autograder import fleet, sample, submission
from autograder.assignment import Assignment, AssignmentError, Limits, load
from autograder.report import ExerciseResult, Report, Verdict
from autograder.sample import Recipe
from autograder.submission import Cell, Submission

SEED = 20_250_202
TIGHT = Limits(cell_seconds=2, call_seconds=1, memory_mb=400, output_kb=256, processes=24)
HONEST_EVERY = 12  # attacks between two honest submissions
MARK = "redteam-was-here"  # what attacks that write files call them
UNUSUAL = "unusual"
ROWS: dict[int | str, str] = {
    1: "leaving the process",
    2: "acting after the tests",
    3: "results that lie",
    4: "patched libraries",
    5: "IPython's hooks",
    6: "forged frames",
    7: "files of the grader",
    8: "printed passes",
    9: "reading the process",
    10: "searching the disk",
    11: "memory between calls",
    12: "the network",
    13: "hidden loops",
    14: "forbidden operators",
    15: "fooling the clock",
    16: "replacing the counter",
    17: "time",
    18: "memory",
    19: "processes and output",
    20: "files that are none",
    21: "broken JSON",
    22: "edited metadata",
    23: "the wrong notebook",
    24: "script and formulas",
    25: "one broken cell",
    UNUSUAL: "right, in an unusual way",
}


@dataclass(frozen=True)
class Target:
    """What an attack is made for: one exercise of an assignment, and another that must not suffer."""

    assignment: Assignment
    name: str
    beside: str
    reference: dict[str, str]

    @property
    def notebook(self) -> bytes:
        """An honest notebook file: every exercise solved as the author does."""
        return sample.notebook_bytes(Recipe("honest", "Solves everything."), self.assignment)

    def fill(self, source: str) -> str:
        """``source`` with the attacked exercise's names and solutions in place."""
        wrong = f"def {self.name}(*args, **kwargs):\n    return None\n"
        return string.Template(source).safe_substitute(
            name=self.name,
            beside=self.beside,
            reference=self.reference[self.name],
            wrong=wrong,
            mark=MARK,
            root=str(self.assignment.root),
        )


@dataclass(frozen=True)
class Attack:
    """One submission that cheats, or looks as if it did, and what must come of it.

    ``cell`` is the source of the attacked exercise's cell, ``before`` and ``after`` those of further cells. A
    submission of files has instead ``file``, which makes the notebook's bytes, or ``folder``, which fills the
    student's folder. ``wanted`` are the verdicts that the exercise may get, and ``beside`` those of its neighbour
    (empty: any, None: the same). ``keeps`` is the largest share of its points that the exercise may earn (None: all
    if it passed, the gate's credit if it loops, else none). ``remark`` must stand somewhere in the report, and
    ``also`` looks further: it returns a sentence for each thing that is not as it should be.
    ``on`` chooses the exercise: ``any``, ``tensor`` (one that returns a tensor) or a name; ``only`` an assignment.
    ``control`` names the naive grader of ``tests/test_redteam.py`` that the same attack fools. ``gap`` says, of an
    attack that the grader does not stop yet, why; what it gets is shown, and nothing is required of it.
    """

    id: str
    row: int | str
    title: str
    cell: str = ""
    wanted: tuple[str, ...] = ("wrong",)
    beside: tuple[str, ...] | None = ("passed",)
    keeps: float | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    file: Callable[[Target], bytes] | None = None
    folder: Callable[[Path, Target], None] | None = None
    student: str = ""
    remark: str = ""
    also: Callable[[Report, Target], Sequence[str]] | None = None
    on: str = "any"
    only: str = ""
    control: str = ""
    gap: str = ""

    def target(self, assignment: Assignment) -> Target | None:
        """What the attack is aimed at in ``assignment``; None when there is nothing of its kind there."""
        if self.only not in ("", assignment.name):
            return None
        reference = {n: s for n, s in sample.reference_sources(assignment).items() if n in assignment.exercises}
        fitting = [name for name, source in reference.items() if self.on in ("any", name) or _gives_tensor(source)]
        if self.on not in ("any", "tensor"):
            fitting = [name for name in fitting if name == self.on]
        if not fitting:
            return None
        beside = next((name for name in reference if name != fitting[0]), fitting[0])
        return Target(assignment, fitting[0], beside, reference)


@dataclass(frozen=True)
class Outcome:
    """What came of one attack: the verdicts that its exercises got, and each thing that is not as it must be."""

    id: str
    row: int | str
    title: str
    wanted: tuple[str, ...]
    got: dict[str, str]
    problems: tuple[str, ...] = ()
    seconds: float = 0.0
    gap: str = ""

    @property
    def held(self) -> bool:
        """Whether the grader stood."""
        return not self.problems

    @property
    def fell(self) -> bool:
        """Whether the grader fell where it is known to stand."""
        return not self.held and not self.gap


def attacks(assignment: Assignment) -> list[Attack]:
    """The attacks that fit an assignment, in the order of their rows. Raises `AssignmentError` when there are none."""
    folder = assignment.root / "tests" / "redteam"
    found = [attack for path in sorted(folder.glob("*.py")) for attack in sample.load_module(path).ATTACKS]
    if not found:
        raise AssignmentError(f"there are no attacks in {folder}; the red team is part of the project's checkout")
    ids = [attack.id for attack in found]
    if twice := sorted({each for each in ids if ids.count(each) > 1}):
        raise AssignmentError(f"two attacks are called {twice[0]!r} in {folder}; give one another id")
    order = list(ROWS)
    return sorted((a for a in found if a.target(assignment)), key=lambda attack: order.index(attack.row))


def run(
    assignment: Assignment,
    jobs: int | None = None,
    progress: Callable[[Outcome], None] = lambda _: None,
    chosen: Sequence[Attack] | None = None,
) -> list[Outcome]:
    """Grade every attack (or those ``chosen``) on ``jobs`` processes and judge what came of it.

    Two outcomes more say whether honest submissions graded in between got what they get without the attacks, and
    whether anything was left behind. Raises `WallError` when this machine cannot jail anything.
    """
    chosen = attacks(assignment) if chosen is None else list(chosen)
    outcomes: dict[str, Outcome] = {}
    honest: dict[str, Report] = {}
    with tempfile.TemporaryDirectory(prefix="autograder-redteam-") as name:
        place = Path(name)
        course = _course(assignment, place / "course")
        students = {attack.id: (attack, target) for attack in chosen if (target := attack.target(course))}
        tasks = []
        for attack, target in students.values():
            made = _submission(attack, target, place / "submitted")
            if made is None:
                problems = () if "ignored" in attack.wanted else ("it is no submission of the class",)
                outcomes[attack.id] = _outcome(attack, {"": "ignored"}, problems)
                progress(outcomes[attack.id])
            else:
                tasks.append(fleet.Task(made, SEED, attack.id, frozenset({target.name, target.beside})))

        def finish(task: fleet.Task, report: Report) -> None:
            if task.key not in students:
                honest[task.key] = report
                return
            attack, target = students[task.key]
            seconds = report.durations.get("total", 0.0)
            verdicts = {result.name: str(result.verdict) for result in report.exercises}
            outcomes[attack.id] = _outcome(attack, verdicts, tuple(_problems(attack, target, report)), seconds)
            progress(outcomes[attack.id])

        alone: dict[str, Report] = {}
        kinds = _honest(course)
        fleet.share_out(course, list(kinds.values()), 1, lambda task, report: alone.__setitem__(task.key, report))
        with _watch(place) as left:
            mixed = _mixed(tasks, list(kinds.values()))
            fleet.share_out(course, mixed, jobs, finish)
    done = [outcomes[attack.id] for attack in chosen if attack.id in outcomes]
    problems = [
        f"{key}: {problem}"
        for key, report in sorted(honest.items())
        for problem in _differences(alone[key.partition(" ")[0]], report)
    ]
    got = {"honest": str(len(honest))}
    for end in (
        Outcome(
            "neighbours", "", "Honest submissions between the attacks keep their grades.", (), got, tuple(problems)
        ),
        Outcome("leftovers", "", "No process, file, mount or namespace is left behind.", (), {}, tuple(left)),
    ):
        done.append(end)
        progress(end)
    return done


def command(assignments: Sequence[Assignment], jobs: int | None, as_json: bool) -> int:
    """Run the red team against each assignment and print a table, or a JSON line an outcome; 1 when a wall gave way."""
    say = Console(stderr=True, highlight=False)
    fell = 0
    for assignment in assignments:
        with _bar(say) as bar:
            step = bar.add_task(f"attacking {assignment.name}", total=len(attacks(assignment)) + 2)
            outcomes = run(assignment, jobs, lambda _, bar=bar, step=step: bar.advance(step))
        fell += sum(outcome.fell for outcome in outcomes)
        if as_json:
            for outcome in outcomes:
                print(json.dumps({"assignment": assignment.name, **asdict(outcome), "held": outcome.held}))
        else:
            _print(assignment, outcomes)
    return 1 if fell else 0


def _print(assignment: Assignment, outcomes: Sequence[Outcome]) -> None:
    out = Console(highlight=False)
    if not out.is_terminal:
        out = Console(highlight=False, width=140)
    table = Table(title=f"{assignment.name}: {len(outcomes)} attacks and checks", title_justify="left")
    for title in ("row", "attack", "wanted", "got", ""):
        table.add_column(title)
    for outcome in outcomes:
        got = ", ".join(dict.fromkeys(outcome.got.values()))
        sign = "[green]held[/green]" if outcome.held else "[red]fell[/red]" if outcome.fell else "[yellow]open[/yellow]"
        table.add_row(str(outcome.row), escape(outcome.title), " or ".join(outcome.wanted), escape(got), sign)
    out.print(table)
    for outcome in outcomes:
        for problem in outcome.problems:
            known = f" (known: {outcome.gap})" if outcome.gap else ""
            out.print(f"[red]{escape(outcome.id)}[/red] {escape(problem + known)}", soft_wrap=True)
    held = sum(outcome.held for outcome in outcomes)
    gaps = sum(not outcome.held and not outcome.fell for outcome in outcomes)
    out.print(f"{held} of {len(outcomes)} held" + (f", {gaps} are known to be open" if gaps else ""))


def _bar(say: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=say, transient=True, disable=not say.is_terminal)


# --- making submissions -------------------------------------------------------------------------------------------


def _gives_tensor(source: str) -> bool:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            return ast.unparse(node.returns) in ("torch.Tensor", "Tensor")
    return False


def _course(assignment: Assignment, root: Path) -> Assignment:
    """A copy of one assignment in a course of its own, with limits so tight that attacks on them end soon."""
    for folder in (assignment.source, assignment.release, assignment.suites):
        target = root / folder.relative_to(assignment.root)
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    manifest = root / "solutions" / assignment.name / "assignment.toml"
    without = re.sub(r"^\[limits\]\n(?:(?!\[).*\n)*", "", manifest.read_text(), flags=re.MULTILINE)
    limits = "".join(f"{name} = {amount}\n" for name, amount in TIGHT.model_dump().items())
    manifest.write_text(f"{without}\n[limits]\n{limits}")
    return load(root, assignment.name)


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
    listed = submission.list_submissions(own, name)
    return submission.read(listed[0][1], listed[0][0], name) if listed else None


def _honest(assignment: Assignment) -> dict[str, fleet.Task]:
    """Two honest students: one who solves everything, one who leaves every second exercise out."""
    reference = {n: s for n, s in sample.reference_sources(assignment).items() if n in assignment.exercises}
    whole = tuple(Cell("code", source, name) for name, source in reference.items())
    made = {"whole": whole, "half": whole[::2]}
    return {
        key: fleet.Task(Submission(key, assignment.name, assignment.source, cells, digest=key), SEED, key)
        for key, cells in made.items()
    }


def _mixed(tasks: list[fleet.Task], honest: list[fleet.Task]) -> list[fleet.Task]:
    mixed: list[fleet.Task] = []
    for number, task in enumerate(tasks):
        if number % HONEST_EVERY == 0:
            kind = honest[number // HONEST_EVERY % len(honest)]
            mixed.append(replace(kind, key=f"{kind.key} {number}"))
        mixed.append(task)
    return mixed


# --- judging ------------------------------------------------------------------------------------------------------


def _outcome(attack: Attack, got: dict[str, str], problems: tuple[str, ...], seconds: float = 0.0) -> Outcome:
    return Outcome(attack.id, attack.row, attack.title, attack.wanted, got, problems, round(seconds, 2), attack.gap)


def _problems(attack: Attack, target: Target, report: Report) -> Iterator[str]:
    for result in report.exercises:
        attacked = result.name == target.name
        wanted = attack.wanted if attacked or attack.beside is None else attack.beside
        if wanted and str(result.verdict) not in wanted:
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
    if result.verdict is Verdict.PASSED:
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


# --- what is left behind ------------------------------------------------------------------------------------------

PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 36, 37
SETTLING = 5.0  # seconds that the kernel may take to end what was killed


@dataclass(frozen=True)
class Traces:
    """What there is of a machine's things that a run could leave behind."""

    processes: dict[int, str] = field(default_factory=dict)
    mounts: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    descriptors: frozenset[str] = frozenset()
    shared_memory: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()


def traces(places: Sequence[Path]) -> Traces:
    """The traces of this process and all below it; of files, those of ``places`` that carry the attacks' `MARK`."""
    below = _descendants(os.getpid())
    namespaces, descriptors = set(), set()
    for pid in (os.getpid(), *below):
        with contextlib.suppress(OSError):
            namespaces |= {os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/ns")}
    for entry in list(os.scandir("/proc/self/fd")):
        with contextlib.suppress(OSError):
            link = os.readlink(entry.path)
            if link.startswith(("socket:", "net:", "pid:", "user:", "mnt:", "anon_inode:[pidfd]")):
                descriptors.add(f"{entry.name} {link}")
    mounts = {line.split(" - ")[0].split(" ", 2)[2] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    shared = set()
    with contextlib.suppress(OSError):
        shared = {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}
    files = set()
    for place in places:
        with contextlib.suppress(OSError):
            files |= {entry.path for entry in os.scandir(place) if MARK in entry.name}
    return Traces(below, *map(frozenset, (mounts, namespaces, descriptors, shared, files)))


def leftovers(before: Traces, after: Traces) -> list[str]:
    """What is there ``after`` and was not ``before``, a sentence each."""
    found = [f"process {pid} is left: {line}" for pid, line in after.processes.items() if pid not in before.processes]
    for kind in ("mounts", "namespaces", "descriptors", "shared_memory", "files"):
        new = getattr(after, kind) - getattr(before, kind)
        found += [f"{kind.replace('_', ' ')}: {each} is left" for each in sorted(new)]
    return found


@contextlib.contextmanager
def _watch(place: Path) -> Iterator[list[str]]:
    """Collects in a list, on leaving, what the enclosed run left behind.

    Meanwhile orphans below this process become its children, wherever they try to hide, and temporary files of the
    workers go to an empty folder in ``place``.
    """
    left: list[str] = []
    scratch = place / "tmp"
    scratch.mkdir()
    places = [
        Path.cwd(), Path.home(), Path("/"), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path(sys.prefix),
        Path(sys.prefix) / "bin", *map(Path, (each for each in sys.path if each)), *_folders(place),
    ]  # fmt: skip
    files = _files(place)
    libc = ctypes.CDLL(None, use_errno=True)
    was = ctypes.c_int()
    libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(was), 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, variable = traces(places), os.environ.get("TMPDIR")
    os.environ["TMPDIR"] = str(scratch)
    try:
        yield left
    finally:
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable
        deadline = time.monotonic() + SETTLING
        while (found := leftovers(before, traces(places))) and time.monotonic() < deadline:
            time.sleep(0.1)
        libc.prctl(PR_SET_CHILD_SUBREAPER, was.value, 0, 0, 0)
        new = sorted(_files(place) - files)
        left += found + [f"files: {path} is left" for path in new]


def _folders(place: Path) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk(place / "course")]


def _files(place: Path) -> set[str]:
    """Every file of the copied course and of the workers' temporary folder."""
    return {
        os.path.join(folder, name)
        for part in ("course", "tmp")
        for folder, _, names in os.walk(place / part)
        for name in names
        if not name.endswith(".pyc")
    }


def _descendants(root: int) -> dict[int, str]:
    """The living processes below ``root`` with their command lines; the dead among them are laid to rest."""
    children: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = Path(entry.path, "stat").read_text().rpartition(")")[2].split()[:2]
                children[int(parent)].append((int(entry.name), state))
    found: dict[int, str] = {}
    waiting = [root]
    while waiting:
        for pid, state in children[waiting.pop()]:
            if state == "Z":
                continue
            waiting.append(pid)
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                # Python's own, one a process that ever started workers; it ends with this one.
                if "multiprocessing.resource_tracker" not in line:
                    found[pid] = line[:200]
    return found
