"""A class in which everybody made another mistake at handing in: nobody is lost, and no zero goes without a word."""

import io
import json
import zipfile

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder.authoring import sample_class
from autograder.authoring.sample_class import Recipe
from autograder.course.report import Report
from autograder.nbgrader.config import gradebook_url
from tests.conftest import A1, command, copy_course

FILE = f"{A1}.ipynb"
QUESTION = "why_share_weights"
MINE = "Because a thing looks the same wherever it stands."
FULL = 27.0


def cell_of(tree, grade_id):
    return next(cell for cell in tree["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def set_answer(tree, source=MINE):
    cell_of(tree, QUESTION)["source"] = source


def strip_metadata(tree):
    set_answer(tree)
    for cell in tree["cells"]:
        cell["metadata"] = {}


def answer_twice(tree):
    set_answer(tree)
    at = next(n for n, cell in enumerate(tree["cells"]) if cell is cell_of(tree, QUESTION))
    tree["cells"].insert(at, {**json.loads(json.dumps(tree["cells"][at])), "source": "No idea.", "id": "another"})


def answer_as_code(tree):
    set_answer(tree)
    cell_of(tree, QUESTION).update(cell_type="code", outputs=[], execution_count=None)


def code_as_text(tree):
    set_answer(tree)
    cell = cell_of(tree, "max_pool2d")
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]


def solved(assignment, edit=set_answer):
    return sample_class.notebook_bytes(Recipe("somebody", "", edit=edit), assignment)


def packed(files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out:
        for name, content in files.items():
            out.writestr(name, content)
    return made.getvalue()


@pytest.fixture(scope="module")
def graded(tmp_path_factory, a1):
    """The course, what `collect` and `grade` printed, and each student's report."""
    root = copy_course(tmp_path_factory.mktemp("overlooked") / "course")
    foreign = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# History")])
    archive = root / "download.zip"
    archive.write_bytes(
        packed(
            {
                f"ada/{A1}/Untitled.ipynb": solved(a1),
                f"ben/a1_convolutoin/{FILE}": solved(a1),
                f"cleo/{A1}/{FILE}": solved(a1, strip_metadata),
                f"dan/{A1}/homework/{A1} (1).ipynb": solved(a1),
                f"eve/{A1}/{FILE}.txt": solved(a1),
                f"fay/{A1}/{FILE}": nbformat.writes(foreign).encode(),
                f"gus/{A1}/{A1}.py": b"def conv2d(): ...",
                f"hal/{A1}/{FILE}": solved(a1, answer_twice),
                f"ida/{A1}/{FILE}": solved(a1, answer_as_code),
                f"Jane Doe_1_assignsubmission_file_{FILE}": solved(a1),
                f"Jane Doe_2_assignsubmission_file_{FILE}": solved(a1),
                f"kim/{A1}/work.zip": packed({"my work/Untitled.ipynb": solved(a1)}),
                f"leo/{A1}/{FILE}": solved(a1, code_as_text),
                f"mia/{A1}/{FILE}": (a1.release / FILE).read_bytes(),
                f"doe_LATE_7_8_{FILE}": solved(a1),
            }
        )
    )
    collected = command("autograder", "collect", A1, str(archive), cwd=root)
    for name, content in {f"{A1}/nina/x.ipynb": solved(a1), "Untitled.ipynb": solved(a1)}.items():
        path = root / "submitted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    done = command("autograder", "grade", A1, "--json", cwd=root)
    assert done.returncode == 1, done.stderr
    reports = [Report.model_validate_json(line) for line in done.stdout.splitlines()]
    return root, collected, done, {report.student: report for report in reports}


TAKEN = ["Jane Doe_1", "Jane Doe_2", "ada", "ben", "cleo", "dan", "doe", "eve", "hal", "ida", "kim", "nina"]


def test_who_can_be_taken_for_certain_has_all_points(graded):
    *_, reports = graded
    assert [student for student, report in sorted(reports.items()) if report.score == FULL] == TAKEN


def test_whoever_has_less_is_listed_and_their_report_says_why(graded):
    _, _, done, reports = graded
    less = {student: report for student, report in reports.items() if report.score < FULL}
    words = {"fay": "none of the exercises", "leo": "max_pool2d stands in a markdown cell"}
    words["mia"] = "the one that was given out"
    assert less.keys() == words.keys()
    for student, report in less.items():
        assert any(words[student] in remark for remark in report.remarks), student
        assert any(
            line.lstrip().startswith(f"{student}: ") and words[student] in line for line in done.stderr.split("\n")
        )


def listed(text):
    """Whom the list at the end of a command is about, and how many it says that it has."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.endswith(("need a look:", "needs a look:")))
    return int(lines[start].split()[0]), [line.strip().split(":")[0] for line in lines[start + 1 :]]


def test_collect_ends_with_a_list_of_what_needs_a_look(graded):
    _, collected, *_ = graded
    count, who = listed(collected.stdout)
    assert collected.returncode == 1 and count == len(who)
    assert sorted(who) == ["Jane Doe_1", "doe", "fay", "gus", "hal", "ida", "leo", "mia"]
    assert "found in another place and taken: ada" in collected.stdout


def test_grade_ends_with_a_list_of_what_needs_a_look_and_keeps_stdout_for_reports(graded):
    root, _, done, reports = graded
    count, who = listed(done.stderr)
    assert count == len(who) and len(reports) == len(done.stdout.splitlines())
    assert sorted(who) == [str(root / "submitted" / "Untitled.ipynb"), "fay", "hal", "ida", "leo", "mia"]
    assert "found in another place and taken: nina" in done.stderr


def test_every_answer_waits_for_whoever_grades_by_hand(graded):
    root, *_ = graded
    with Gradebook(gradebook_url(root)) as gradebook:
        for student in [*TAKEN, "leo"]:
            grades = gradebook.find_submission_notebook(A1, A1, student).grades
            (grade,) = [grade for grade in grades if grade.name == QUESTION]
            assert grade.needs_manual_grade, student
    for student in [*TAKEN, "leo"]:
        notebook = nbformat.read(root / "autograded" / student / A1 / FILE, 4)
        (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == QUESTION]
        assert MINE in cell.source and ("Not certain" in cell.source) == (student in ("hal", "ida")), student


def test_a_second_run_says_what_still_needs_a_look_and_changes_nothing(graded):
    root, _, first, _ = graded
    again = command("autograder", "grade", A1, cwd=root)
    assert again.returncode == 1 and "found in another place" not in again.stderr
    assert listed(again.stderr) == listed(first.stderr)
    recollected = command("autograder", "collect", A1, str(root / "download.zip"), cwd=root)
    assert "0 students' work taken, 0 students' work replaced" in recollected.stdout
