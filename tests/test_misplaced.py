"""Work that lies in a wrong place or under a wrong name is taken where it is certain, and otherwise listed."""

import io
import json
import os
import zipfile

import nbformat
import pytest

from autograder.collect.misplaced import find_misplaced
from autograder.course.assignment import load_assignment
from autograder.course.submission import list_submissions
from tests.conftest import A1, ROOT, copy_course

NOTEBOOK = (ROOT / "assignments" / A1 / f"{A1}.ipynb").read_bytes()
FILE = f"{A1}.ipynb"
FOREIGN = nbformat.writes(
    nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("def train(model): ..."), nbformat.v4.new_markdown_cell("# History 101")]
    )
).encode()


def changed(text="mine"):
    tree = json.loads(NOTEBOOK)
    tree["cells"].append(nbformat.v4.new_markdown_cell(text, id="mine"))
    return json.dumps(tree).encode()


def without_metadata():
    """The notebook's code alone, as copied into a new one."""
    cells = [c for c in nbformat.reads(NOTEBOOK.decode(), 4).cells if c.cell_type == "code"]
    return nbformat.writes(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c.source) for c in cells])
    ).encode()


def zipped(*files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out:
        for name, content in files:
            out.writestr(name, content)
    return made.getvalue()


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    return load_assignment(copy_course(tmp_path_factory.mktemp("misplaced") / "course"), A1)


@pytest.fixture
def search(tmp_path, assignment):
    """Writes files below submitted/ and looks through it."""

    def run(files, **options):
        for name, content in files.items():
            path = tmp_path / "submitted" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return find_misplaced(assignment, tmp_path / "submitted", **options)

    run.submitted = tmp_path / "submitted"
    return run


def placed(search, student="ada"):
    path = search.submitted / student / A1 / FILE
    return path.read_bytes() if path.is_file() else None


CERTAIN = {
    "another file name": f"ada/{A1}/Untitled.ipynb",
    "the name of a second download": f"ada/{A1}/{A1} (1).ipynb",
    "the name that Colab gives a copy": f"ada/{A1}/Copy of {A1}.ipynb",
    "a text file's ending": f"ada/{A1}/{FILE}.txt",
    "no ending": f"ada/{A1}/{A1}",
    "capital letters": f"ada/{A1}/A1-Convolution.IPYNB",
    "a folder in the folder": f"ada/{A1}/{A1}/{FILE}",
    "a deep folder": f"ada/{A1}/one/two/three/x.ipynb",
    "a misspelt folder": f"ada/a1-convolutoin/{FILE}",
    "a folder with capital letters": f"ada/A1-Convolution/{FILE}",
    "a folder with an underscore": f"ada/a1_convolution/{FILE}",
    "a folder with a space at its end": f"ada/{A1} /{FILE}",
    "a folder of any name": f"ada/homework/{FILE}",
    "no folder": f"ada/{FILE}",
    "the folders the other way round": f"{A1}/ada/{FILE}",
    "misspelt folders the other way round": "a1_convolution/ada/work.ipynb",
    "a file with the student's name, in no folder": f"ada_{FILE}",
    "a file as Moodle names it, in no folder": f"ada_12_assignsubmission_file_{FILE}",
    "a file as Moodle names it, in the assignment's folder": f"{A1}/ada_12_assignsubmission_file_{FILE}",
}


@pytest.mark.parametrize("how", CERTAIN)
def test_the_one_notebook_that_can_be_meant_is_taken_and_that_is_said(search, how):
    found = search({CERTAIN[how]: NOTEBOOK})
    assert placed(search) == NOTEBOOK and found.attention == ()
    (said,) = found.taken
    assert CERTAIN[how] in said and said.startswith("ada: ")
    # What was handed in stays, and a second look has nothing to say.
    assert (search.submitted / CERTAIN[how]).read_bytes() == NOTEBOOK
    assert search({}) == type(found)()
    assert "ada" in [student for student, _ in list_submissions(search.submitted, A1)]


@pytest.mark.parametrize("name", [f"{A1}/ada.ipynb", "ada.ipynb", "ada.zip", f"{A1}/ada.zip"])
def test_a_loose_file_is_taken_where_its_name_is_that_of_a_students_folder(search, name):
    content = zipped(("work.ipynb", NOTEBOOK)) if name.endswith("zip") else NOTEBOOK
    search({"ada/another/notes.txt": b"", name: content})
    assert placed(search) == NOTEBOOK


def test_a_zip_in_the_folder_is_looked_into(search):
    found = search({f"ada/{A1}/work.zip": zipped(("a/b.ipynb", NOTEBOOK), ("photo.png", b"png"), ("x.ipynb", FOREIGN))})
    assert placed(search) == NOTEBOOK and "work.zip!a/b.ipynb" in found.taken[0]


def test_a_notebook_without_metadata_is_known_by_what_it_defines(search):
    copied = without_metadata()
    search({f"ada/{A1}/Untitled.ipynb": copied})
    assert placed(search) == copied


def test_the_time_of_handing_in_comes_along(search):
    search({f"ada/a1_convolution/{FILE}": NOTEBOOK, "ada/a1_convolution/timestamp.txt": b"2026-12-02 05:00:00 UTC"})
    assert (search.submitted / "ada" / A1 / "timestamp.txt").read_text() == "2026-12-02 05:00:00 UTC"


def test_one_notebook_in_two_places_is_one(search):
    search({f"ada/{A1}/x.ipynb": NOTEBOOK, f"ada/{A1}/y/x.ipynb": NOTEBOOK})
    assert placed(search) == NOTEBOOK


def test_what_jupyter_saved_by_itself_does_not_make_the_notebook_uncertain(search):
    search({f"ada/{A1}/x.ipynb": NOTEBOOK, f"ada/{A1}/.ipynb_checkpoints/x-checkpoint.ipynb": changed()})
    assert placed(search) == NOTEBOOK


# What lies there, in words that the list must say, and whether somebody's work is without a grade.
LISTED = {
    "two notebooks": ({f"ada/{A1}/x.ipynb": NOTEBOOK, f"ada/{A1}/y.ipynb": changed()}, "2 notebooks can be meant"),
    "another course's notebook": ({f"ada/{A1}/x.ipynb": FOREIGN}, "x.ipynb holds none of the exercises"),
    "a checkpoint alone": ({f"ada/{A1}/.ipynb_checkpoints/x-checkpoint.ipynb": NOTEBOOK}, "saved by itself"),
    "an exported script": ({f"ada/{A1}/{A1}.py": b"def conv2d(): ..."}, "exported"),
    "an exported page": ({f"ada/{A1}/{A1}.html": b"<html>"}, "exported"),
    "a text": ({f"ada/{A1}/essay.docx": b"PK"}, "essay.docx"),
    "a folder with nothing in it": ({f"ada/{A1}/timestamp.txt": b"2026-12-02"}, "no other file"),
    "a broken notebook of another name": ({f"ada/{A1}/x.ipynb": NOTEBOOK[:500]}, "cannot be read"),
    "a misspelt folder with nothing of use": ({"ada/a1_convolution/x.py": b""}, "x.py"),
    "a broken notebook in no folder": ({f"ada/{FILE}": NOTEBOOK[:500]}, "cannot be read"),
    "a script in no folder": ({f"ada/{A1}.py": b""}, "exported"),
    "a script with the student's name, in no folder": ({f"ada_{A1}.py": b""}, "exported"),
    "a loose notebook of nobody": ({"Untitled.ipynb": NOTEBOOK}, "nothing says whose"),
    "a loose notebook of somebody unknown": ({"ada.ipynb": NOTEBOOK}, "nothing says whose"),
    "a notebook beside folders of students": ({f"{A1}/ada.ipynb": NOTEBOOK}, "nothing says whose"),
    "a zip with two notebooks": (
        {f"ada/{A1}/x.zip": zipped(("x.ipynb", NOTEBOOK), ("y.ipynb", changed()))},
        "2 notebooks can be meant",
    ),
}


@pytest.mark.parametrize("how", LISTED)
def test_what_is_not_certain_is_listed_with_what_to_do(search, how):
    files, words = LISTED[how]
    found = search(files)
    (attention,) = found.attention
    assert words in attention.what and attention.ungraded and placed(search) is None and found.taken == ()
    assert "grade again" in attention.to_do and FILE in attention.to_do
    assert attention.who == ("ada" if "ada/" in next(iter(files)) or "ada_" in next(iter(files)) else "")
    assert attention.where.exists() and str(attention).isprintable()


def test_a_newer_notebook_beside_the_graded_one_is_listed(search):
    found = search(
        {f"ada/{A1}/{FILE}": NOTEBOOK, f"ada/{A1}/{A1} (1).ipynb": changed(), f"ada/{A1}/other.ipynb": FOREIGN}
    )
    (attention,) = found.attention
    assert attention.where.name == f"{A1} (1).ipynb" and "another notebook" in attention.what
    assert not attention.ungraded and placed(search) == NOTEBOOK


def test_nothing_is_said_of_what_is_as_it_should_be(search):
    found = search(
        {
            f"ada/{A1}/{FILE}": NOTEBOOK,
            f"ada/{A1}/timestamp.txt": b"2026-12-02",
            f"ada/{A1}/data.csv": b"1,2",
            f"ada/{A1}/.ipynb_checkpoints/{A1}-checkpoint.ipynb": changed(),
            "bob/another/work.ipynb": FOREIGN,
            "cleo/nothing.txt": b"",
            "README.md": b"",
        }
    )
    assert found.attention == found.taken == ()


def test_an_archive_of_a_class_that_lies_there_is_not_taken_for_a_student(search):
    found = search({"class.zip": zipped(*((f"{s}_{FILE}", changed(s)) for s in ("ada", "bob")))})
    assert list_submissions(search.submitted, A1) == [] and "autograder collect" in found.attention[0].to_do


def test_links_are_named_and_not_followed(search, tmp_path):
    elsewhere = tmp_path / "elsewhere" / A1
    elsewhere.mkdir(parents=True)
    (elsewhere / FILE).write_bytes(NOTEBOOK)
    search.submitted.mkdir()
    (search.submitted / "ada").symlink_to(elsewhere.parent)
    (search.submitted / "bob").mkdir()
    (search.submitted / "bob" / A1).symlink_to(elsewhere)
    (search.submitted / "cleo" / A1).mkdir(parents=True)
    (search.submitted / "cleo" / A1 / "x.ipynb").symlink_to(elsewhere / FILE)
    os.mkfifo(search.submitted / "cleo" / A1 / "y.ipynb")
    found = search({})
    assert [(a.who, a.ungraded) for a in found.attention] == [("ada", True), ("bob", True), ("cleo", True)]
    assert found.taken == () and placed(search, "cleo") is None


def test_a_folders_name_that_no_other_system_takes_is_named(search):
    (attention,) = search({f"ada /{A1}/{FILE}": NOTEBOOK}).attention
    assert "starts or ends with a space" in attention.what and "rename" in attention.to_do


def test_students_who_are_not_asked_for_are_left_alone(search):
    found = search({f"ada/{A1}/x.ipynb": NOTEBOOK, f"bob/{A1}/x.ipynb": NOTEBOOK}, only=frozenset({"bob"}))
    assert placed(search) is None and placed(search, "bob") == NOTEBOOK and len(found.taken) == 1


def test_what_cannot_be_written_is_listed(search):
    (search.submitted / "ada").mkdir(parents=True)
    found = search({"ada/x.ipynb": NOTEBOOK, f"ada/{A1}": b"a file where the folder would be"})
    (attention,) = found.attention
    assert "could not be copied" in attention.what and attention.ungraded


def test_another_assignment_of_the_course_is_recognized(assignment, search):
    other = assignment.root / "solutions" / "a2-other"
    released = assignment.root / "assignments" / "a2-other"
    other.mkdir()
    released.mkdir()
    try:
        (other / "assignment.toml").write_text(
            'title = "Other"\ndue = 2026-12-01T23:59:00+00:00\n[exercise.other]\ntitle = "Other"\npoints = 1\n'
        )
        cell = nbformat.v4.new_code_cell("def other(): ...")
        about = nbformat.v4.new_markdown_cell("## The other one")
        for each, grade_id, locked in ((cell, "other", False), (about, "about-other", True)):
            each.metadata.nbgrader = {"grade_id": grade_id, "locked": locked, "solution": not locked, "grade": False}
        raw = nbformat.writes(nbformat.v4.new_notebook(cells=[about, cell])).encode()
        (released / "a2-other.ipynb").write_bytes(raw)
        (attention,) = search({f"ada/{A1}/x.ipynb": raw, f"bob/a2-other/{FILE}": NOTEBOOK}).attention
        assert "looks like the notebook of a2-other" in attention.what and attention.who == "ada"
    finally:
        for folder in (other, released):
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
