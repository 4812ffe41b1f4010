"""The command line says in one sentence what is wrong, where, and what to do; and loses nothing."""

import argparse
import os
import shutil
import stat

import pytest

from autograder import cli
from autograder.authoring import validate
from autograder.cli.common import chosen
from autograder.course.assignment import assignment_names
from tests.conftest import A1, ROOT, command, copy_course


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return copy_course(tmp_path_factory.mktemp("cli") / "course")


@pytest.fixture(scope="module")
def submissions(tmp_path_factory):
    """Two submissions somewhere outside the course: the untouched release, and one with nothing in it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    for student in ("ada", "bob"):
        (folder / student / A1).mkdir(parents=True)
    shutil.copy(ROOT / "assignments" / A1 / f"{A1}.ipynb", folder / "ada" / A1)
    return folder


def refusal(*words, cwd):
    """What a command that must be refused says: one line."""
    done = command("autograder", *words, cwd=cwd)
    assert done.returncode == 2, done.stdout + done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("autograder: ") and "Traceback" not in line
    return line


def test_an_unknown_assignment(course):
    assert "no assignment called 'a7-nothing'" in refusal("grade", "a7-nothing", cwd=course)
    assert A1 in refusal("validate", "a7-nothing", cwd=course)
    assert "no exercise 'conv3d' to grade; there is: " in refusal("validate", "--exercise", "conv3d", cwd=course)


def test_all_assignments_and_one_of_them(course):
    assert f"--all and {A1} say different things" in refusal("release", "--all", A1, cwd=course)
    given = argparse.Namespace(root=course, all=True, assignment=[])
    assert [each.name for each in chosen(given)] == assignment_names(course) != []


def test_a_folder_that_is_no_course(tmp_path):
    assert "not in a course directory" in refusal("grade", A1, cwd=tmp_path)


def test_nothing_to_grade(course, tmp_path):
    assert "nothing to grade" in refusal("grade", A1, cwd=course)
    assert str(tmp_path) in refusal("grade", A1, "--submitted", str(tmp_path), "--no-gradebook", cwd=course)


def test_a_student_who_handed_nothing_in(course, submissions):
    line = refusal("grade", A1, "--submitted", str(submissions), "--no-gradebook", "--student", "eve", cwd=course)
    assert "eve has no folder" in line


def test_submissions_from_elsewhere_cannot_go_into_the_gradebook(course, submissions):
    assert "--no-gradebook" in refusal("grade", A1, "--submitted", str(submissions), cwd=course)


def test_a_missing_gradebook(course):
    assert "no gradebook" in refusal("export", cwd=course)


def test_a_malformed_manifest(course):
    path = course / "solutions" / A1 / "assignment.toml"
    kept = path.read_text()
    path.write_text(kept.replace('title = "', "titel = '", 1))
    try:
        assert "assignment.toml" in refusal("grade", A1, cwd=course)
    finally:
        path.write_text(kept)


def test_an_assignment_that_was_not_released(tmp_path, submissions):
    root = copy_course(tmp_path / "course")
    shutil.rmtree(root / "assignments" / A1)
    line = refusal("grade", A1, "--submitted", str(submissions), "--no-gradebook", cwd=root)
    assert f"autograder release {A1}" in line


def test_a_machine_without_bubblewrap(course, submissions, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    line = refusal("grade", A1, "--submitted", str(submissions), "--no-gradebook", cwd=course)
    assert "bubblewrap" in line and "install" in line


def test_a_number_of_jobs_that_is_none(course):
    done = command("autograder", "grade", A1, "--jobs", "0", cwd=course)
    assert done.returncode == 2 and "'0' should be a number from 1 up" in done.stderr


def test_a_python_that_is_too_old(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.8.1\nexit 1\n')
    old.chmod(old.stat().st_mode | stat.S_IXUSR)
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    import subprocess

    done = subprocess.run(
        ["make", f"PYTHON={old}", "site"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "MAKEFLAGS": ""},
    )
    assert done.returncode != 0 and "needs Python 3.11 or newer" in done.stdout + done.stderr


def test_reports_as_json_are_one_line_a_student(course, submissions):
    import json

    done = command("autograder", "grade", A1, "--submitted", str(submissions), "--no-gradebook", "--json", cwd=course)
    ada, bob = map(json.loads, done.stdout.splitlines())
    assert (ada["student"], ada["score"], bob["student"], bob["score"]) == ("ada", 0.0, "bob", 0.0)
    assert "there is no a1-convolution.ipynb in the folder" in bob["remarks"][0]
    assert not (course / "gradebook.db").exists()


def test_names_that_would_move_the_cursor_are_made_printable():
    from autograder.course.text import printable

    assert printable("a\x1b[2Jb\n") == "a\ufffd[2Jb\ufffd"


def test_a_long_validation_whose_words_go_to_a_file_tells_each_tenth(course, monkeypatch, capsys):
    def graded_in_steps(assignment, executor, show, draws, graded, mutants, exercises):
        for of in (50, 2345):
            for done in [*range(7, of, 7), of]:  # some are known without grading, so steps differ
                graded(done, of)
        return validate.Validation((), {})

    monkeypatch.setattr(validate, "validate", graded_in_steps)
    monkeypatch.chdir(course)
    assert cli.main(["validate", A1]) == 0
    lines = capsys.readouterr()
    told = [line.strip() for line in (lines.out + lines.err).splitlines() if "graded" in line]
    assert told[0] == "graded 238 of 2,345" and told[-1] == "graded 2,345 of 2,345" and len(told) == 10
