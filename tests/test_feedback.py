"""The student's feedback page and the fragment in the graded notebook."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from autograder.course.manifest import Manifest
from autograder.course.report import ExerciseResult, Report, TestResult
from autograder.course.verdict import Verdict
from autograder.nbgrader.feedback_page import page, summary_html, summary_text
from autograder.nbgrader.standing import Given, Standing

HOSTILE = "</title></pre></style><script>alert(1)</script>\"><img src=x onerror=alert(2)>' {{7*7}}{% x %}"
TITLE = "The layer"


def a_manifest(title: str = "Convolution", exercise: str = TITLE, essay: str = "Why share weights?") -> Manifest:
    return Manifest.model_validate(
        {
            "title": title,
            "due": datetime(2026, 12, 1, 23, 59, tzinfo=UTC),
            "late": [{"within_hours": 24, "loses": 0.15}],
            "exercise": {
                "conv2d": {"title": exercise, "points": 6},
                "essay": {"title": essay, "points": 3, "kind": "written"},
            },
        }
    )


MANIFEST = a_manifest()
GRADED = datetime(2026, 12, 2, 8, 30, tzinfo=UTC)


class Page(HTMLParser):
    """The elements and the visible text of a page, and whether every element is closed in its place."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


def a_test(verdict: Verdict = Verdict.PASSED, **fields) -> TestResult:
    return TestResult(**{"name": "test_stride_moves", "verdict": verdict, "points": 1.0} | fields)


def an_exercise(*tests: TestResult, **fields) -> ExerciseResult:
    verdict = next((test.verdict for test in tests if test.verdict is not Verdict.PASSED), Verdict.PASSED)
    return ExerciseResult(
        **{"name": "conv2d", "score": 3.0, "max_score": 6.0, "verdict": verdict, "tests": tests} | fields
    )


def a_report(*exercises: ExerciseResult, **fields) -> Report:
    return Report(
        **{
            "assignment": "a1-convolution",
            "student": "ada",
            "score": 3.0,
            "max_score": 6.0,
            "verdict": Verdict.WRONG,
            "exercises": exercises,
            "seed": 20261201,
        }
        | fields
    )


WRONG = a_test(
    Verdict.WRONG, message="The window should advance by `stride` along both axes.", detail="64% of the values differ"
)


def words(html: str) -> str:
    return " ".join(Page(html).text.split())


def test_a_page_says_what_was_earned_and_why_not_more():
    shown = words(page(a_report(an_exercise(a_test(), WRONG)), MANIFEST, GRADED))
    for said in (
        "Convolution",
        "ada",
        "2 December 2026, 08:30 UTC",
        "3 of 6 points",
        "The layer",
        "Stride moves",
        "The window should advance by stride along both axes.",
        "64% of the values differ.",
        Verdict.WRONG.meaning,
        "seed 20261201",
    ):
        assert said in shown


def test_a_written_question_is_left_to_a_person():
    assert "Why share weights?" in words(page(a_report(an_exercise(WRONG)), MANIFEST, GRADED))
    assert "A person reads and grades this question" in words(page(a_report(), MANIFEST, GRADED))


def test_points_and_comments_by_hand_are_shown_and_counted():
    standing = Standing(
        {"conv2d": Given(4.0, 4.0, comment="One more for the\nidea."), "essay": Given(2.5, 2.5, comment="Well said.")}
    )
    shown = words(page(a_report(an_exercise(WRONG)), MANIFEST, GRADED, standing))
    for said in (
        "6.5 of 9 points",
        "4 of 6",
        "A person gave 4 points; the tests found 3.",
        "One more for the idea.",
        "2.5 of 3",
        "Well said.",
        "Read and graded by a person.",
    ):
        assert said in shown  # fmt: skip


def test_an_answer_that_waits_to_be_read_is_said_to():
    standing = Standing({"conv2d": Given(3.0), "essay": Given(0.0, to_be_read=True)})
    shown = words(page(a_report(an_exercise(WRONG)), MANIFEST, GRADED, standing))
    assert "3 of 9 points so far" in shown and "A person will read and grade this question" in shown


def test_a_question_that_nobody_answered_waits_for_nobody():
    standing = Standing({"conv2d": Given(3.0), "essay": Given(0.0)})
    assert "There is no answer to read." in words(page(a_report(an_exercise(WRONG)), MANIFEST, GRADED, standing))


def test_lateness_is_said_only_when_there_is_some():
    late = Standing(penalty=0.45, seconds_late=5 * 3600)
    said = "Handed in 5.0 hours after the due time: 15% off, which is 0.45 points."
    assert said in words(page(a_report(an_exercise(WRONG)), MANIFEST, GRADED, late))
    assert "after the due time" not in words(page(a_report(an_exercise(WRONG)), MANIFEST, GRADED, Standing()))


def test_a_tests_points_are_its_share_of_the_exercises_points():
    exercise = an_exercise(a_test(points=1.0), a_test(Verdict.WRONG, points=3.0))
    for shown in (words(summary_html(exercise, TITLE)), summary_text(exercise, TITLE)):
        assert "1.5 points" in shown
        assert "4.5 points" in shown


def test_an_exercise_that_was_not_written_is_not_taken_apart():
    exercise = an_exercise(a_test(Verdict.MISSING, message="Some reason."), a_test(Verdict.MISSING), score=0.0)
    for shown in (
        words(summary_html(exercise, TITLE)),
        summary_text(exercise, TITLE),
        words(page(a_report(exercise), MANIFEST, GRADED)),
    ):
        assert "there is nothing to grade yet" in shown
        assert "Some reason." not in shown


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_words_and_a_symbol(verdict):
    exercise = an_exercise(a_test(verdict), verdict=verdict, score=0.0)
    for shown in (words(summary_html(exercise, TITLE)), summary_text(exercise, TITLE)):
        assert verdict.meaning in shown
        assert re.search("[✓✗○◐!]", shown)
    assert verdict.meaning in words(page(a_report(exercise, verdict=verdict), MANIFEST, GRADED))


def test_a_file_that_could_not_be_read_is_explained_without_exercises():
    report = a_report(score=0.0, verdict=Verdict.UNREADABLE, remarks=("The file ends in the middle.",))
    shown = words(page(report, MANIFEST, GRADED))
    assert "The file could not be read as a notebook." in shown
    assert "The file ends in the middle." in shown


def test_a_page_is_complete_in_itself():
    html = page(a_report(an_exercise(WRONG), output="hello"), MANIFEST, GRADED)
    tags = Page(html).tags
    assert not {tag for tag, _ in tags} & {"script", "img", "link", "iframe", "object", "form"}
    assert not re.search(r"https?:|url\(|@import|\bon\w+=", html)
    assert [attrs["href"] for tag, attrs in tags if tag == "a"] == ["#exercise-1"]
    assert "default-src 'none'" in html
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def hostile(place: str) -> str:
    """Text with ``place`` in front that would become markup, a template's expression or a control character."""
    return place + HOSTILE + "\x1b]8;;http://x\x07\x1b[31m\x00\u202e\ud800"


def assert_harmless(html: str, *places: str) -> None:
    """``html`` shows what was written at each of ``places`` as that text, and does nothing else."""
    parsed = Page(html)
    assert not {tag for tag, _ in parsed.tags} & {"script", "img"}
    assert not any(name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    for place in places:
        assert place + HOSTILE in parsed.text
    assert_printable(html)


def assert_printable(text: str) -> None:
    text.encode("utf-8")
    assert not re.search("[\x00\x07\x1b\u202e\ud800]", text)


HOSTILE_EXERCISE = an_exercise(
    a_test(Verdict.ERROR, name=hostile("test_failed"), message=hostile("Message"), detail=hostile("Detail")),
    a_test(name=hostile("test_passed")),
    remarks=(hostile("remark of the exercise"),),
)


def test_nothing_becomes_markup_on_a_page():
    report = a_report(
        HOSTILE_EXERCISE,
        student=hostile("student"),
        output=hostile("output"),
        remarks=(hostile("remark"),),
        key=HOSTILE[8:20],
    )
    manifest = a_manifest(hostile("course"), hostile("exercise"), hostile("essay"))
    places = ("Failed", "Passed", "Message", "Detail", "remark of the exercise", "student", "output", "remark")
    comments = {name: Given(1.0, 1.0, comment=hostile(f"comment on {name}")) for name in ("conv2d", "essay")}
    html = page(report, manifest, GRADED, Standing(comments))
    assert_harmless(html, *places, "course", "exercise", "essay", "comment on conv2d", "comment on essay")


def test_nothing_becomes_markup_in_a_summary():
    html = summary_html(HOSTILE_EXERCISE, hostile("title"))
    assert_harmless(html, "title", "Failed", "Passed", "Message", "Detail", "remark of the exercise")
    assert_printable(summary_text(HOSTILE_EXERCISE, hostile("title")))


def test_what_a_notebook_printed_is_clipped():
    html = page(a_report(an_exercise(WRONG), output="x" * 1_000_000), MANIFEST, GRADED)
    assert len(html) < 40_000
    assert "more characters" in html


def test_the_fragment_brings_its_looks_along():
    tags = Page(summary_html(an_exercise(a_test(), WRONG), TITLE)).tags
    assert not {tag for tag, _ in tags} & {"style", "link", "script"}
    assert not any("class" in attrs for _, attrs in tags)
    assert all("style" in attrs for tag, attrs in tags if tag == "div")


def test_the_plain_summary_has_all_that_the_fragment_has():
    exercise = an_exercise(a_test(), WRONG, a_test(Verdict.LOOPS, gate=True, points=0.0), remarks=("Cut short.",))
    squeezed = summary_text(exercise, TITLE).replace("`", "")
    for said in (
        "The layer",
        "3 of 6 points",
        "Stride moves",
        "along both axes.",
        "64% of the values differ",
        "Cut short.",
    ):
        assert said in squeezed
        assert said in words(summary_html(exercise, TITLE))
