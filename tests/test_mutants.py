"""Mutants are right solutions with one change each; those that earn everything are told, unless they are recorded."""

import ast

import pytest

from autograder.authoring import survivors
from autograder.authoring.mutants import mutants
from autograder.authoring.survivors import Survivor, recorded, tally
from autograder.course.assignment import load_assignment
from autograder.course.errors import AssignmentError
from autograder.grading.local import LocalExecutor
from autograder.nbgrader.release import release
from tests.author_guide import NAME, write_assignment
from tests.conftest import empty_course

SOURCE = '''
import torch

LIMIT = 3


def window(x: torch.Tensor, size: int = 2) -> torch.Tensor:
    """Never changed: 1 + 1."""
    if x.shape[0] < 1:
        raise ValueError(f"no rows in {x.shape[0] + 0}")
    height, width = x.shape[-2:]
    print("talks", 7, logging.getLogger("window").level)
    logging.getLogger("window").warning("talks", 7)
    warnings.warn("talks", stacklevel=7)
    rows = x[1:].sum(dim=0, keepdim=True)
    total = torch.maximum(rows, x.clone())
    total += 1
    return total / size if width > height else -total
'''
EXPECTED = {
    "size: int=2": "size: int=3",
    "x.shape[0] < 1": "x.shape[0] <= 1",
    "raise ValueError": "pass",
    "height, width = x": "width, height = x",
    "x.shape[-2:]": "x.shape[:]",
    "x[1:]": "x[2:]",
    ".sum(dim=0, keepdim=True)": ".sum(dim=0)",
    "dim=0": "dim=1",
    "keepdim=True": "keepdim=False",
    "sum(dim": "mean(dim",
    "torch.maximum(rows": "torch.minimum(rows",
    "torch.maximum(rows, x.clone())": "torch.maximum(x.clone(), rows)",
    "x.clone())": "x)",
    "total += 1": "total -= 1",
    "total / size": "total * size",
    "width > height": "width >= height",
    "-total": "total",
}


@pytest.mark.parametrize(("before", "after"), EXPECTED.items())
def test_what_goes_wrong_in_code_on_tensors_is_among_the_changes(before, after):
    assert any(before in one.before and after in one.after for one in mutants(SOURCE)), before


def test_each_is_python_with_one_change_in_a_function_and_none_comes_twice():
    made = list(mutants(SOURCE))
    assert len({one.source for one in made}) == len(made) > 40
    for one in made:
        ast.parse(one.source)
        assert one.function == "window" and one.before != one.after
        assert (
            "Never changed: 1 + 1." in one.source
            and "LIMIT = 3" in one.source
            and "no rows in" in one.source + one.before
        )


def test_what_code_says_while_it_runs_is_left_alone():
    assert not any("talks" in one.before + one.after for one in mutants(SOURCE))


@pytest.fixture(scope="module")
def assignment(tmp_path_factory):
    root = empty_course(tmp_path_factory.mktemp("mutants") / "course")
    write_assignment(root)
    release(load_assignment(root, NAME))
    return load_assignment(root, NAME)


def test_survivors_are_told_and_those_that_are_recorded_are_not(assignment, tmp_path):
    found, problems = tally(assignment, LocalExecutor(2), 5)
    assert found["scale"].made > 4 and found["scale"].killed >= found["scale"].made - len(found["scale"].survivors)
    assert [str(each) for each in found["scale"].survivors] == problems
    path = assignment.source / "variants" / "equivalent.toml"
    gone = Survivor(survivors.REFERENCE, "scale", "it's\nlong", "gone")
    told = [each.entry().replace('why = ""', 'why = "The same."') for each in (*found["scale"].survivors, gone)]
    path.write_text("\n".join(told), encoding="utf-8")
    try:
        assert gone in recorded(assignment)
        again, problems = tally(assignment, LocalExecutor(2), 5)
        assert again["scale"].survivors == () and again["scale"].share == 1.0
        assert set(again["scale"].equivalent) == set(found["scale"].survivors)
        assert len(problems) == 1 and "remove it" in problems[0]
        path.write_text("\n".join([*told, "sometimes = true"]), encoding="utf-8")  # the last one, which is gone
        assert tally(assignment, LocalExecutor(2), 5)[1] == []
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[mutant]", "cannot be read"),
        ("[[mutant]]\nof = 'a'", "entry 1 should say"),
        ("[[mutant]]\nof='a'\nexercise='b'\nbefore='c'\nafter='d'\nwhy=' '", "not empty, why"),
        ("[[mutant]]\nof='a'\nexercise='b'\nbefore='c'\nafter='d'\nwhy='e'\nsometimes='yes'", "sometimes = true"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_in_a_sentence(assignment, text, sentence):
    path = assignment.source / "variants" / "equivalent.toml"
    path.write_text(text)
    try:
        with pytest.raises(AssignmentError, match=sentence):
            recorded(assignment)
    finally:
        path.unlink()
