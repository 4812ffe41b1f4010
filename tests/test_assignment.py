"""A manifest is read whole, or refused with one sentence that says what, where and what to do."""

from datetime import UTC, datetime

import pytest

from autograder.course import manifest
from autograder.course.assignment import assignment_names, find_root, load_assignment
from autograder.course.errors import AssignmentError
from autograder.course.late_policy import LateStep
from autograder.course.limits import Limits
from autograder.course.manifest import Exercise, Manifest, read_manifest

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
        (('title = "Convolution"', 'titel = "Convolution"'), "the manifest has no key 'titel'; did you mean title?"),
        (('title = "A layer"', ""), "[exercise.conv2d] lacks title, which should be a text in quotes"),
        (("points = 4", "points = 0"), "points in [exercise.conv2d] should be a number above 0, and it is 0"),
        (("points = 4", "points = inf"), "points in [exercise.conv2d] should be a number above 0, and it is inf"),
        (("points = 4", 'points = "four"'), "points in [exercise.conv2d] should be a number above 0, and it is 'four'"),
        (("loop_free = true", "loopfree = true"), "[exercise.conv2d] has no key 'loopfree'; did you mean loop_free?"),
        (("loop_free = true", "deadline = 3"), "no key 'deadline'; it may have title, points, kind, loop_free, forbid"),
        (
            ('kind = "written"', 'kind = "essay"'),
            'kind in [exercise.why] should be "code" or "written", and it is \'essay\'',
        ),
        (("within_hours = 48", "hours = 48"), "[[late]] number 2 has no key 'hours'; it may have within_hours, loses"),
        (("loses = 0.30", "loses = 30"), "loses in [[late]] number 2 should be a number from 0 to 1, and it is 30"),
        (("+00:00", ""), "due in the manifest: needs a time zone"),
        (
            ("2026-12-01T12:00:00+00:00", '"soon"'),
            "due in the manifest should be a date and time with its zone, as 2026",
        ),
        (
            ("[exercise.why]", "[limits]\nmemory = 3\n[exercise.why]"),
            "[limits] has no key 'memory'; did you mean memory_mb?",
        ),
        (("[exercise.why]", "[limits]\nmemory_mb = 3\n[exercise.why]"), "should be a whole number of at least 64"),
        (
            ("within_hours = 24", "within_hours = 72"),
            "late in the manifest: steps should be listed by growing within_hours",
        ),
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


@pytest.mark.parametrize("model", [Manifest, Exercise, LateStep, Limits])
def test_what_each_key_may_be_has_words(model):
    for name, field in model.model_fields.items():
        assert manifest.allowed(field), name


def test_an_unknown_assignment_is_named_with_the_known_ones(course):
    with pytest.raises(AssignmentError, match=r"no assignment called 'a8'.*there is: a9-test"):
        load_assignment(course, "a8")
    for name in ("../solutions", "a9-test/..", "", "."):
        with pytest.raises(AssignmentError):
            load_assignment(course, name)


def test_outside_a_course_the_error_says_what_a_course_is(tmp_path):
    with pytest.raises(AssignmentError, match=r"solutions/<assignment>/assignment\.toml"):
        find_root(tmp_path)
