"""A grader that is killed at any moment loses nothing and counts nothing twice: run again, it ends where it would have.

`make test` kills a handful of times. The full number, with another seed for the moments:

    PIXELWISE_KILLS=100 PIXELWISE_SEED=7 .venv/bin/python -m pytest tests/test_kills.py
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import sqlalchemy
from nbgrader.api import Gradebook

from autograder.nbgrader.config import gradebook_url
from tests.conftest import A1, command, copy_course

KILLS = int(os.environ.get("PIXELWISE_KILLS", "6"))
SEED = int(os.environ.get("PIXELWISE_SEED", "1"))
STUDENTS = ("ada", "hana", "olu", "carlos", "greta")  # right, loops, does not parse, late, cut off: nobody times out
KILLS_A_COURSE = 6
ENDED = 1  # what a run comes to that has done all it can: somebody handed in no notebook
PR_SET_CHILD_SUBREAPER = 36
GRADED_AT = re.compile(r"\d+ \w+ \d{4}, \d+:\d\d UTC")
# What starts the processes that grade, and the one that records grades and those that it shares out feedback to.
MULTIPROCESSING = {"worker": "multiprocessing.forkserver", "recorder": "multiprocessing.spawn"}


@pytest.fixture(scope="module")
def submissions(tmp_path_factory):
    """A course with the submissions of a few students, one of them empty, that was never graded."""
    root = copy_course(tmp_path_factory.mktemp("kills") / "course")
    assert command("autograder", "sample", A1, cwd=root).returncode == 0
    for folder in (root / "submitted").iterdir():
        if folder.name not in STUDENTS:
            shutil.rmtree(folder)
    (root / "submitted" / "nobody" / A1).mkdir(parents=True)
    (root / ".autograder").mkdir(exist_ok=True)
    (root / ".autograder" / "secret").write_bytes(bytes(32))
    return root


@pytest.fixture(scope="module")
def undisturbed(submissions, tmp_path_factory):
    """What a run that nobody disturbs comes to, and the seconds it takes."""
    root = copy(submissions, tmp_path_factory.mktemp("undisturbed"))
    start = time.monotonic()
    done = command("autograder", "grade", A1, "--jobs", "2", cwd=root)
    assert done.returncode == ENDED, done.stderr
    return results(root), time.monotonic() - start


@pytest.fixture(scope="module")
def orphans():
    """Adopts whatever processes a killed one leaves, so that none can hide; gives a function that lists them."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before = set(psutil.Process().children(recursive=True))

    def of_others():
        # The browser of other tests runs on, and starts and ends processes of its own.
        for process in before:
            with contextlib.suppress(psutil.Error):
                yield from process.children(recursive=True)

    def left():
        found = []
        for child in set(psutil.Process().children(recursive=True)) - before - set(of_others()):
            try:
                if child.status() == psutil.STATUS_ZOMBIE and child.ppid() == os.getpid():
                    os.waitpid(child.pid, os.WNOHANG)
                else:
                    found.append(child)
            except (psutil.Error, ChildProcessError):
                continue
        return found

    yield left
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def copy(course, into):
    return shutil.copytree(course, into / "course", symlinks=True)


# --- what a run came to -----------------------------------------------------------------------------------------


def results(root):
    """All that a course's grading came to, but for durations, the moment of grading and the gradebook's random ids."""
    pages = sorted((root / "feedback").rglob("report.html"))
    return {
        "reports": reports(root),
        "latest": {
            path.name: json.loads(path.read_text())
            for path in sorted((root / ".autograder" / "latest").rglob("*.json"))
        },
        "gradebook": gradebook(root),
        "grades.csv": (root / "grades.csv").read_text(),
        "autograded": files(root / "autograded"),
        "feedback": {str(p.relative_to(root)): GRADED_AT.sub("", p.read_text()) for p in pages},
        "pages": sorted(files(root / "feedback")),
        "release": files(root / "assignments"),
        "submitted": files(root / "submitted"),
    }


def reports(root):
    found = {}
    for path in sorted((root / ".autograder" / "reports").rglob("*")):
        if path.is_file():
            tree = json.loads(path.read_text())
            tree["durations"] = {}
            for exercise in tree["exercises"]:
                for test in exercise["tests"]:
                    test["duration"] = 0
            found[path.name] = json.dumps(tree)
    return found


def gradebook(root):
    """Every grade of the gradebook, and how many rows each of its tables has."""
    with Gradebook(gradebook_url(root)) as opened:
        grades = {
            (s.student.id, n.name, g.name): (g.auto_score, g.manual_score, g.needs_manual_grade, g.max_score)
            for s in opened.assignment_submissions(A1)
            for n in s.notebooks
            for g in n.grades
        }
        students = {
            s.student.id: (s.score, s.late_submission_penalty, s.timestamp, s.total_seconds_late)
            for s in opened.assignment_submissions(A1)
        }
        tables = sqlalchemy.inspect(opened.engine).get_table_names()
        rows = {t: opened.db.execute(sqlalchemy.text(f'select count(*) from "{t}"')).scalar() for t in tables}
    return grades, students, rows


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def differences(found, wanted, path=""):
    """Where two results differ, named."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            yield from differences(found.get(key, "absent"), wanted.get(key, "absent"), f"{path}/{key}")
    elif isinstance(found, tuple) and isinstance(wanted, tuple):
        for index, pair in enumerate(zip(found, wanted, strict=False)):
            yield from differences(*pair, f"{path}[{index}]")
    elif found != wanted:
        yield f"{path}: {str(found)[:300]} is not {str(wanted)[:300]}"


# --- killing ----------------------------------------------------------------------------------------------------


def victims(grader, kind):
    """The processes of one kind below a grader, itself included; the wall's only while a submission is behind it.

    What runs in a cell is the student's, and left out.
    """
    if kind == "grader":
        return [grader]
    try:
        below = grader.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    found = []
    for process in below:
        try:
            if kind in ("worker", "recorder") and MULTIPROCESSING[kind] in " ".join(process.cmdline()):
                found.append(process)
            elif kind == "wall" and is_zygote(process) and any(map(is_zygote, process.children())):
                found += [process, process.parent(), process.parent().parent()]
        except (psutil.Error, AttributeError):
            continue
    return found


def is_zygote(process):
    """Whether it is a zygote, or a sandbox's process, which is one's child."""
    return process.name() != "bwrap" and "autograder.jail.inside.zygote" in " ".join(process.cmdline())


def disturb(root, draw, seconds, count):
    """Grade, kill something at a random moment, and grade again if that ended it; returns what was killed, and when."""
    done = []
    while len(done) < count:
        run = start(root)
        grader = psutil.Process(run.pid)
        since = time.monotonic()
        while len(done) < count and run.poll() is None:
            kind = draw.choice(("grader", "worker", "wall", "recorder"))
            moment = time.monotonic() + draw.uniform(0, 0.9 * seconds if kind == "grader" else seconds / 3)
            while time.monotonic() < moment and run.poll() is None:
                time.sleep(0.002)
            if run.poll() is not None:
                break
            while not (found := victims(grader, kind)) and run.poll() is None:
                time.sleep(0.01)
            if not found or run.poll() is not None:
                break
            victim = draw.choice(found)
            try:
                victim.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
            done.append(f"{kind} after {time.monotonic() - since:.2f} s")
        if run.wait(300) == ENDED:
            break
    return done


def start(root):
    program = str(Path(sys.executable).parent / "autograder")
    words = [program, "grade", A1, "--jobs", "2"]
    return subprocess.Popen(words, cwd=root, stdout=subprocess.DEVNULL, stderr=(root / "said").open("a"))


def test_killed_at_any_moment_and_run_again_it_comes_to_the_same(submissions, undisturbed, orphans, tmp_path):
    wanted, seconds = undisturbed
    draw = random.Random(SEED)
    killed = 0
    while killed < KILLS:
        root = copy(submissions, tmp_path)
        done = disturb(root, draw, seconds, min(KILLS_A_COURSE, KILLS - killed))
        killed += len(done)
        story = f"seed {SEED}; killed {', '.join(done)}"
        patience = time.monotonic() + 20
        while (left := orphans()) and time.monotonic() < patience:
            time.sleep(0.05)
        assert not left, f"{story}; left behind: {[p.cmdline()[-3:] for p in left]}"
        again = command("autograder", "grade", A1, "--jobs", "2", cwd=root)
        assert again.returncode == ENDED, f"{story}\n{(root / 'said').read_text()[-3000:]}\n{again.stderr}"
        assert list(differences(results(root), wanted)) == [], story
        shutil.rmtree(root)
