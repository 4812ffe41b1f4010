"""A written answer reaches the person who grades it, whatever became of its cell and of the notebook's metadata."""

import copy

import nbformat
import pytest
from nbgrader.utils import compute_checksum

from autograder.course.submission import Cell, Submission
from autograder.course.written import written_answers
from autograder.nbgrader.exporter import canonical
from tests.conftest import A1, ROOT

Q = "why_share_weights"
ABOUT = "about-why_share_weights"
STUB = "YOUR ANSWER HERE"
MINE = "Sharing saves weights.\n\n- $156$ instead of $14$ million"


@pytest.fixture
def released(a1):
    return copy.deepcopy(a1.released_notebook).cells


def handed_in(cells, metadata=True):
    """A submission of these cells, which may be the release's own, with or without what nbgrader wrote into them."""
    made = []
    for cell in cells:
        if isinstance(cell, nbformat.NotebookNode):
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id") if metadata else None
            made.append(Cell(cell.cell_type, cell.source, grade_id))
        else:
            made.append(cell)
    return Submission("ada", A1, ROOT, tuple(made))


def place(cells, grade_id):
    return next(n for n, cell in enumerate(cells) if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def edited(cells, *new, metadata=True):
    """The release with the cell of the question replaced by ``new`` cells."""
    at = place(cells, Q)
    return handed_in([*cells[:at], *new, *cells[at + 1 :]], metadata)


def text(source, claims=None):
    return Cell("markdown", source, claims)


def after(cells, grade_id, cell, metadata=True):
    at = place(cells, grade_id)
    return handed_in([*cells[: at + 1], cell, *cells[at + 1 :]], metadata)


CERTAIN = {
    "in its own cell": lambda r: edited(r, text(MINE, Q)),
    "in its own cell, in a notebook without metadata": lambda r: edited(r, text(MINE), metadata=False),
    "in a new cell, its own deleted": lambda r: edited(r, text(MINE)),
    "in a new cell below its own": lambda r: edited(r, text(STUB, Q), text(MINE)),
    "in a new cell above its own": lambda r: edited(r, text(MINE), text(STUB, Q)),
    "in a new cell below a stub without metadata": lambda r: edited(r, text(STUB), text(MINE), metadata=False),
    "in a copy of its cell, the first untouched": lambda r: edited(r, text(STUB, Q), text(MINE, Q)),
    "in its cell, with an untouched copy behind it": lambda r: edited(r, text(MINE, Q), text(STUB, Q)),
    "twice the same": lambda r: edited(r, text(MINE, Q), text(MINE + "\n", Q)),
    "in a cell that was made raw": lambda r: edited(r, Cell("raw", MINE, Q)),
    "in a raw cell without metadata": lambda r: edited(r, Cell("raw", MINE), metadata=False),
    "in a copy of a code cell that was made text": lambda r: edited(r, text(STUB, Q), text(MINE, "conv2d")),
    "in two cells, one after the other": lambda r: edited(
        r, text(MINE.split("\n\n")[0]), text(MINE.split("\n\n")[1]), metadata=False
    ),
    "in the cell of the statement": lambda r: handed_in(
        [text(c.source + "\n\n" + MINE) if c.metadata.nbgrader.grade_id == ABOUT else c for c in r], metadata=False
    ),
    "below the statement as an editor that changes spaces saves it": lambda r: handed_in(
        [text(c.source.replace("\n", " \n") + "\n") if c.metadata.nbgrader.grade_id == ABOUT else c for c in r[:21]]
        + [text(MINE)],
        metadata=False,
    ),
    "as the only text beside code in a new notebook": lambda r: handed_in(
        [c for c in r if c.cell_type == "code"] + [text(MINE)], metadata=False
    ),
    "below its heading alone, in a new notebook": lambda r: handed_in(
        [c for c in r if c.cell_type == "code"]
        + [text("# Homework of Ada"), text("### 7. Why share weights?"), text(MINE)],
        metadata=False,
    ),
    "with its heading in one cell": lambda r: handed_in(
        [text("Some notes"), text(f"# Why share weights?\n{MINE}"), text("# The end")], metadata=False
    ),
}


@pytest.mark.parametrize("how", CERTAIN)
def test_an_answer_is_found_where_it_is_certain(released, how):
    answer = written_answers(released, CERTAIN[how](released))[Q]
    assert answer.doubt == "" and MINE in answer.text and "14" in answer.text


DOUBTFUL = {
    "two different answers": (lambda r: edited(r, text("One", Q), text(MINE, Q)), "2 cells"),
    "an answer in a code cell": (lambda r: edited(r, Cell("code", MINE, Q)), "code cell"),
    "an answer in a new code cell": (lambda r: edited(r, Cell("code", MINE), metadata=False), "code cell"),
    "an answer in a comment": (lambda r: edited(r, Cell("code", f'"""{MINE}"""'), metadata=False), "code cell"),
    "notes elsewhere, its own cell untouched": (lambda r: after(r, "conv2d", text(MINE)), "elsewhere"),
    "an answer at the end, its own cell untouched": (lambda r: after(r, "afterwards", text(MINE)), "elsewhere"),
    "several texts in a new notebook": (
        lambda r: handed_in([*(c for c in r if c.cell_type == "code"), text("Notes"), text(MINE)], metadata=False),
        "elsewhere",
    ),
    "a picture": (lambda r: edited(r, text(f"{MINE}\n![p](attachment:p.png)", Q)), "picture"),
}


@pytest.mark.parametrize("how", DOUBTFUL)
def test_what_may_be_an_answer_is_given_with_what_is_in_doubt(released, how):
    make, words = DOUBTFUL[how]
    answer = written_answers(released, make(released))[Q]
    assert words in answer.doubt and MINE in answer.text


NONE = {
    "the release": lambda r: handed_in(r),
    "the release without metadata": lambda r: handed_in(r, metadata=False),
    "a release whose spaces an editor changed": lambda r: edited(r, text(f" {STUB}\n", Q)),
    "an emptied cell": lambda r: edited(r, text(" \n", Q)),
    "a deleted cell": lambda r: edited(r),
    "code that was made text": lambda r: after(r, "setup", text("def conv2d(): ...", "conv2d")),
    "code below it": lambda r: edited(r, text(STUB, Q), Cell("code", "import torch\ntorch.ones(3)")),
    "nothing": lambda r: handed_in([]),
}


@pytest.mark.parametrize("how", NONE)
def test_no_answer_is_made_up(released, how):
    assert written_answers(released, NONE[how](released)) == {}


@pytest.mark.parametrize("how", [*CERTAIN, *DOUBTFUL])
def test_the_notebook_that_is_graded_by_hand_shows_the_answer_in_its_cell(a1, released, how):
    make = CERTAIN[how] if how in CERTAIN else DOUBTFUL[how][0]
    notebook = canonical(a1, make(released))
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == Q]
    assert MINE in cell.source and (how in CERTAIN) == ("Not certain" not in cell.source)
    # By this nbgrader knows that there is something to grade.
    assert cell.metadata.nbgrader.checksum != compute_checksum(cell)
    assert "YOUR ANSWER HERE" not in "".join(c.source for c in notebook.cells)


@pytest.mark.parametrize("how", NONE)
def test_without_an_answer_the_question_is_as_it_was_released(a1, released, how):
    notebook = canonical(a1, NONE[how](released))
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == Q]
    assert cell.metadata.nbgrader.checksum == compute_checksum(cell)


def two_questions(released):
    """The release with a second written question behind the first, below the same statement."""
    second = copy.deepcopy(released[place(released, Q)])
    second.metadata.nbgrader.grade_id = "and_bias"
    at = place(released, Q)
    return [*released[: at + 1], second, *released[at + 1 :]]


def test_two_answers_below_one_statement_are_taken_in_their_order(released):
    cells = two_questions(released)
    at = place(cells, Q)
    submission = handed_in([*cells[:at], text("first"), text("second"), *cells[at + 2 :]], metadata=False)
    found = written_answers(cells, submission)
    assert {name: (a.text, a.doubt) for name, a in found.items()} == {Q: ("first", ""), "and_bias": ("second", "")}


def test_one_answer_below_two_questions_is_shown_with_both(released):
    cells = two_questions(released)
    at = place(cells, Q)
    submission = handed_in([*cells[:at], text("which?"), *cells[at + 2 :]], metadata=False)
    found = written_answers(cells, submission)
    assert {a.text for a in found.values()} == {"which?"} and all(
        "several questions" in a.doubt for a in found.values()
    )
    assert len(found) == 2


def test_an_answer_of_a_megabyte_is_found_soon(released):
    about = released[place(released, ABOUT)].source
    long = "word\n" * 200_000
    answer = written_answers(released, handed_in([text(about + "\n" + long)], metadata=False))[Q]
    assert answer.text == long.strip()
