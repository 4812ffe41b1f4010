"""A manifest is read whole, or refused with one sentence that says what, where and what to do."""

from datetime import UTC, datetime

import pytest

from autograder.course.assignment import assignment_names, find_root, load_assignment
from autograder.course.errors import AssignmentError
from autograder.course.manifest import read_manifest

GOOD = """
title = "Convolution"
due = 2026-12-01T12:00:00+00:00
[[late]]
within_hours = 24
loses = 0.15
[[late]]
within_hours = 48
loses = 0.30
[exercise.conv2d]
title = "A layer"
points = 4
loop_free = true
forbid = ["aten::*conv*", "torch.nn.functional.conv2d"]
[exercise.why]
title = "Why"
points = 2
kind = "written"
"""


@pytest.fixture
def course(tmp_path):
    (tmp_path / "solutions" / "a9-test").mkdir(parents=True)
    (tmp_path / "autograder").mkdir()
    (tmp_path / "solutions" / "a9-test" / "assignment.toml").write_text(GOOD)
    return tmp_path


def test_a_manifest_is_read(course):
    assignment = load_assignment(course, "a9-test")
    assert assignment.manifest.due == datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert list(assignment.exercises) == ["conv2d"] and list(assignment.written) == ["why"]
    assert assignment.exercises["conv2d"].forbidden_operators == ("aten::*conv*",)
    assert assignment.exercises["conv2d"].forbidden_names[:1] == ("torch.nn.functional.conv2d",)
    assert assignment_names(course) == ["a9-test"]


@pytest.mark.parametrize(
    ("hours", "share"), [(-1, 0), (0, 0), (0.01, 0.15), (24, 0.15), (24.01, 0.30), (48, 0.30), (48.01, 1), (9999, 1)]
)
def test_lateness_costs_what_the_steps_say(course, hours, share):
    assert load_assignment(course, "a9-test").manifest.share_lost(hours * 3600) == share


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("title =", "titel ="), "title: field required"),
        (("points = 4", "points = 0"), "exercise.conv2d.points: input should be greater than 0"),
        (("points = 4", 'points = "four"'), "exercise.conv2d.points: input should be a valid number"),
        (("loop_free = true", "loopfree = true"), "exercise.conv2d.loopfree: extra inputs are not permitted"),
        (("+00:00", ""), "due: needs a time zone"),
        (("within_hours = 24", "within_hours = 72"), "late: steps should be listed by growing within_hours"),
        (("[exercise.conv2d]", "[exercise.conv-2d]"), "should be a Python identifier"),
        (("[exercise.conv2d]", "[exercise.conv2d"), "is not valid TOML"),
    ],
)
def test_a_malformed_manifest_gets_one_sentence(course, change, sentence):
    path = course / "solutions" / "a9-test" / "assignment.toml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(AssignmentError) as refused:
        read_manifest(path)
    assert sentence in str(refused.value) and str(path) in str(refused.value)
    assert "\n" not in str(refused.value) or "TOML" in sentence


def test_an_unknown_assignment_is_named_with_the_known_ones(course):
    with pytest.raises(AssignmentError, match=r"no assignment called 'a8'.*there is: a9-test"):
        load_assignment(course, "a8")
    for name in ("../solutions", "a9-test/..", "", "."):
        with pytest.raises(AssignmentError):
            load_assignment(course, name)


def test_outside_a_course_the_error_says_what_a_course_is(tmp_path):
    with pytest.raises(AssignmentError, match=r"solutions/<assignment>/assignment\.toml"):
        find_root(tmp_path)
